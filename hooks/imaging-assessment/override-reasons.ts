import { codeSystems } from '#core/identifiers';

const reason = (code: string, display: string) => ({ system: codeSystems.overrideReason, code, display });

/** Why a clinician sets a card aside. @see CDS Hooks 2.0 §OverrideReason */
export const overrideReasons = [
  reason('disagree', 'I read the image differently'),
  reason('known', 'Already known and acted on'),
  reason('not-relevant', 'Not relevant to this visit'),
  reason('wrong-study', 'The study is not suitable (wrong patient, projection or quality)'),
  reason('not-trusted', 'I do not trust this model for this patient'),
];
