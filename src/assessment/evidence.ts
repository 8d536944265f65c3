import type { Explanation, GateResult } from '#core/assessment';
import { errorTable } from '#core/error';
import type { FinalResult } from '#core/hook-tools';
import type { Tenant } from '#core/tenant';
import type { Assessments } from '#store/assessments';
import { idOf } from './catalogue.ts';
import { reasonOf } from './header-gates.ts';
import type { SpeakingModel } from './patient-assessments.ts';

/** What the sandbox's evidence page shows of one stored assessment. */
export interface Evidence {
  readonly result: FinalResult | null;
  readonly reason: { readonly code: string; readonly text: string; readonly help: string } | null;
  readonly gates: readonly GateResult[];
  readonly explanations: readonly Explanation[];
  /** Address of the rendered image, relative to the evidence page. */
  readonly image: string | null;
  readonly provider: string | null;
}

/** Reads one assessment of `tenant` as evidence; null when there is none. */
export function createEvidence(
  store: Assessments,
  models: readonly SpeakingModel[],
  tenant: Tenant,
): (id: string) => Promise<Evidence | null> {
  return async (id) => {
    const stored = await store.byId(tenant.id, id);
    if (stored === null) return null;
    const { assessment } = stored;
    const { model, reason, gates, image } = assessment;
    const speaking = models.find(
      (one) =>
        one.state === 'active' && model !== null && idOf(one.package) === `${model.name}@${model.version}`,
    );
    // Nobody answers for a result whose model does not speak (any more), so it is not shown.
    const told =
      assessment.status === 'final' && speaking === undefined
        ? reasonOf('NO_MODEL', 'That of this result does not speak here.')
        : reason;
    return {
      result:
        assessment.status === 'final' && speaking !== undefined
          ? speaking.presenter.present(tenant, stored)
          : null,
      reason: told === null ? null : { ...told, help: errorTable[told.code].help },
      gates,
      explanations:
        assessment.status === 'final' && speaking !== undefined ? (stored.private?.explanations ?? []) : [],
      image:
        image?.sopInstanceUid == null
          ? null
          : `../sandbox/ehr/previews/${encodeURIComponent(image.sopInstanceUid)}`,
      provider: model?.provider ?? null,
    };
  };
}
