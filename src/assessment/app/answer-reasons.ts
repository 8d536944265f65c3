import type { AppAnswerReasons } from '#core/app';
import { codeSystems } from '#core/identifiers';

const reason = (code: string, display: string) => ({ system: codeSystems.answerReason, code, display });

/** Why a clinician disagrees with a result: what becomes of the label hangs on it. */
export const answerReasons: AppAnswerReasons = [
  reason('present', 'I see the finding in the image'),
  reason('absent', 'I do not see the finding in the image'),
  reason('other-finding', 'What the model points at is something else'),
  reason('place', 'The finding is elsewhere than the map shows'),
  reason('certainty', 'The number is too certain, or not certain enough'),
  reason('unsuitable', 'The image is not suitable (projection, quality, patient)'),
  reason('clinical', 'Other findings of the patient speak against it'),
];
