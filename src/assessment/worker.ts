import { workerData } from 'node:worker_threads';
import type { AssessedStudy } from '#core/assessment';
import { type CodedFailure, ServiceError, toCodedFailure } from '#core/error';
import type { ChartPatient } from '#core/imaging';
import { readHeader } from '#dicom/attributes';
import { createCodecs } from '#dicom/decoders/codecs';
import { type InspectEntry, inspectBytes } from '#dicom/inspect';
import { parseDicom } from '#dicom/parse';
import { openModel } from '#inference/model';
import { loadPackage } from '#inference/package';
import { createInterpreter } from '#inference/predict';
import { conformalSet } from '#statistics/conformal';
import { vennAbers } from '#statistics/venn-abers';
import { assessDicom, imageHeaderOf, type ReadyModel } from './assess-image.ts';
import type { ImageHeader } from './header-gates.ts';
import { assessLabelled, type LabelledHeader } from './labelled-image.ts';
import { begin, createCell, inNative } from './thread-gate.ts';

/** What a worker thread is started with. */
export interface WorkerData {
  /** Folder of each package that it may be asked for, by `name@version`. */
  readonly folders: Readonly<Record<string, string>>;
  readonly providers: readonly string[];
}

/** One task with the cell by which the pool knows whether the thread may be ended. */
export type WorkerTask = WorkerWork & { readonly cell: SharedArrayBuffer };

/** What is to be done. `bytes` are moved into the thread, not copied; pixels never leave it. */
export type WorkerWork =
  | { readonly kind: 'warm'; readonly model: string }
  | {
      readonly kind: 'assess';
      readonly model: string;
      readonly bytes: Uint8Array;
      readonly patient: ChartPatient | null;
      readonly studyInstanceUid: string | null;
      /** null: DICOM as it comes; else the manifest's words for what the file does not say. */
      readonly labelled: LabelledHeader | null;
    }
  | { readonly kind: 'inspect'; readonly bytes: Uint8Array };

/** What a warm model is. */
export interface WarmModel {
  readonly provider: string;
  readonly variant: string;
  readonly skipped: readonly { readonly provider: string; readonly code: string; readonly detail: string }[];
}

/** How a file decodes, and what the header gates need of it; null where the header cannot be read. */
export interface Inspected {
  readonly entry: InspectEntry;
  readonly header: ImageHeader | null;
}

export type WorkerAnswer =
  | { readonly kind: 'warm'; readonly warm: WarmModel }
  | { readonly kind: 'assess'; readonly assessed: AssessedStudy }
  | { readonly kind: 'inspect'; readonly inspected: Inspected }
  | { readonly kind: 'failure'; readonly failure: CodedFailure };

/**
 * The entry of a worker thread: decoding, gates, preprocessing and inference of one task in this one thread.
 * Sessions are opened at the first task that needs them and stay warm. Errors come back as codes, so that nothing
 * of a foreign message crosses the boundary.
 */
export const run = createWorker(workerData as WorkerData);

function createWorker({ folders, providers }: WorkerData): (task: WorkerTask) => Promise<WorkerAnswer> {
  const ready = new Map<string, Promise<ReadyModel>>();
  const codecs = createCodecs();
  /** Of the one task that the thread is at. */
  const current = { cell: createCell() };

  const open = async (name: string): Promise<ReadyModel> => {
    const folder = folders[name];
    if (folder === undefined) throw new ServiceError('MODEL_NOT_FOUND');
    const pkg = await loadPackage(folder);
    const model = await inNative(current.cell, () => openModel(pkg, { providers }));
    const { session } = model;
    const run: typeof session.run = (...asked) => inNative(current.cell, () => session.run(...asked));
    return {
      model: { ...model, session: { ...session, run } },
      interpret: createInterpreter(pkg, { vennAbers, conformalSet }),
    };
  };
  const readyModel = (name: string): Promise<ReadyModel> => {
    const opened = ready.get(name) ?? open(name);
    ready.set(name, opened);
    // A model that did not open is tried again by the next task.
    opened.catch(() => ready.delete(name));
    return opened;
  };

  return async (task) => {
    current.cell = task.cell;
    begin(task.cell);
    try {
      switch (task.kind) {
        case 'warm': {
          const { model } = await readyModel(task.model);
          return {
            kind: 'warm',
            warm: {
              provider: model.identity.provider,
              variant: model.identity.variant,
              skipped: model.skipped,
            },
          };
        }
        case 'assess': {
          const model = await readyModel(task.model);
          const { bytes, patient, studyInstanceUid, labelled } = task;
          const assessed =
            labelled === null
              ? await assessDicom(bytes, model, codecs, { patient, studyInstanceUid, strictness: 'clinical' })
              : await assessLabelled(bytes, model, codecs, labelled);
          return { kind: 'assess', assessed };
        }
        case 'inspect':
          return {
            kind: 'inspect',
            inspected: { entry: inspectBytes(task.bytes, { codecs }), header: headerOf(task.bytes) },
          };
      }
    } catch (error) {
      return { kind: 'failure', failure: toCodedFailure(error) };
    }
  };
}

function headerOf(bytes: Uint8Array): ImageHeader | null {
  try {
    return imageHeaderOf(readHeader(parseDicom(bytes)));
  } catch (error) {
    if (error instanceof ServiceError) return null;
    throw error;
  }
}
