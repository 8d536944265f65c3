import type { CdsService } from '#cds/types';
import type { HookTools } from '#core/hook-tools';
import { service as imagingAssessment } from './imaging-assessment/service.ts';

/** Every CDS service that Fovea offers. To add one: a folder of its own here, and its line in this list. */
export const services: readonly CdsService<HookTools>[] = [imagingAssessment];
