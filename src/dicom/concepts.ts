/** A code of a DICOM header. @see DICOM PS3.3 Table 8.8-1 */
export interface Concept {
  /** Coding Scheme Designator (0008,0102). */
  readonly scheme: string;
  /** Code Value (0008,0100) or Long Code Value (0008,0119). */
  readonly value: string;
}

/** Designators of SNOMED CT and of the older SNOMED codes. @see DICOM PS3.16 §8 */
const snomed: ReadonlySet<string> = new Set(['SCT', 'SRT', 'SNM3', '99SDM']);

/** SNOMED CT and older SNOMED codes of projections, as View Position (0018,5101) would say them. @see DICOM PS3.16 CID 4010 */
const views: Readonly<Record<string, string>> = {
  '399348003': 'AP',
  'R-10206': 'AP',
  '272479007': 'PA',
  'R-10214': 'PA',
  'R-40888': 'PA',
  '399033003': 'FRONTAL',
  'R-10202': 'FRONTAL',
  '399067008': 'LATERAL',
  'R-102CD': 'LATERAL',
  '399260004': 'LATERAL',
  'R-10224': 'LATERAL',
  '399352003': 'LATERAL',
  'R-10228': 'LATERAL',
  '399173006': 'LL',
  'R-10236': 'LL',
  '399198007': 'RL',
  'R-10232': 'RL',
};

/** The same for body parts, as Body Part Examined (0018,0015) would say them. @see DICOM PS3.16 Annex L, CID 4031 */
const bodyParts: Readonly<Record<string, string>> = {
  '816094009': 'CHEST',
  '51185008': 'CHEST',
  'T-D3000': 'CHEST',
  '43799004': 'CHEST',
  'T-D3200': 'CHEST',
  '39607008': 'LUNG',
  'T-28000': 'LUNG',
};

/** Homo sapiens, and DCM "Person". @see DICOM PS3.16 CID 7454, CID 270 */
const human: ReadonlySet<string> = new Set(['337915000', 'L-85003', 'L-85B00', '121006']);

/** What stands for a SNOMED code that none of the tables above holds: it is about something else. */
const other = 'OTHER';

/** A View Code as View Position would say it; `OTHER` for another projection, null for a code of a scheme that is not known here. */
export function viewOf(concept: Concept): string | null {
  return termOf(concept, views);
}

/** An Anatomic Region as Body Part Examined would say it; `OTHER` and null as in {@link viewOf}. */
export function bodyPartOf(concept: Concept): string | null {
  return termOf(concept, bodyParts);
}

/** Whether a Patient Species Code is that of people; null for a code of a scheme that is not known here. */
export function isHuman({ scheme, value }: Concept): boolean | null {
  if (human.has(value.toUpperCase())) return true;
  return snomed.has(scheme.toUpperCase()) ? false : null;
}

function termOf({ scheme, value }: Concept, terms: Readonly<Record<string, string>>): string | null {
  const code = value.toUpperCase();
  if (Object.hasOwn(terms, code)) return terms[code] as string;
  return snomed.has(scheme.toUpperCase()) ? other : null;
}
