import type { CdsService, HookRequest, ServiceResponse } from '#cds/types';
import { type HookTools, isClinician, type StudyAssessment } from '#core/hook-tools';
import { cardOf, incompleteCard } from './card.ts';
import { untoldInWords } from './notes.ts';

/** More cards than this in one call are noise; older studies are counted in words instead. */
const mostCards = 3;

async function handle(request: HookRequest, tools: HookTools): Promise<ServiceResponse> {
  if (!isClinician(String(request.context['userId']))) return { cards: [] };
  const { studies, showLow, ...unseen } = await tools.assessments.forPatient({
    patient: request.prefetch['patient'],
    imagingStudies: request.prefetch['imagingStudies'],
  });
  // The client's list of studies was cut short: what is not on it may exist all the same.
  const incomplete = request.incomplete.has('imagingStudies');
  const speaking = studies.filter((study) => speaks(study, showLow));
  const shown = speaking.slice(0, mostCards);
  if (shown.length === 0) return { cards: incomplete ? [incompleteCard(tools)] : [] };
  const untold = untoldInWords({ ...unseen, rest: speaking.slice(mostCards), incomplete });
  return {
    cards: shown.map((study, index) => cardOf(study, tools, index === shown.length - 1 ? untold : null)),
  };
}

/** Quiet by design: nothing for a low result (unless the tenant wants it), nothing that this user has overridden. */
function speaks(study: StudyAssessment, showLow: boolean): boolean {
  if (study.overridden) return false;
  if (study.state !== 'final' || showLow) return true;
  return study.result.findings.some((finding) => finding.band !== 'low');
}

export const service: CdsService<HookTools> = {
  id: 'imaging-assessment',
  title: 'Imaging assessment',
  description:
    'When a chart is opened, says what the deployed imaging models found in the patient’s recent studies, how sure they are, and what they cannot tell. No card is not a negative: a study may be unread, outside of what the models were made for, or low.',
  usageRequirements:
    'Reads Patient and ImagingStudy (with Endpoint) of the patient in context, and the images by DICOMweb. Research use unless a card says otherwise.',
  hooks: {
    'patient-view': {
      prefetch: {
        patient: 'Patient/{{context.patientId}}',
        imagingStudies: 'ImagingStudy?patient={{context.patientId}}&_sort=-started&_count=50',
      },
      handle,
    },
  },
};
