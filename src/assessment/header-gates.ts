import type { GateResult, Reason } from '#core/assessment';
import { type ErrorCode, errorTable } from '#core/error';
import type { Selects } from '#core/model-package';
import type { PictureOrientation } from '#dicom/orientation';

/** What an image says of itself, as far as the header gates need it. null: not said. */
export interface ImageHeader {
  readonly modality: string | null;
  readonly sopClassUid: string | null;
  /** Patient Species: false for an animal. */
  readonly human: boolean | null;
  /** Every body part that is stated, in the terms of Body Part Examined (0018,0015). */
  readonly bodyParts: readonly string[];
  /** Every projection that is stated, in the terms of View Position (0018,5101). */
  readonly views: readonly string[];
  /** Patient Orientation (0020,0020). */
  readonly orientation: PictureOrientation | null;
  /** Years at the study date, with fraction. */
  readonly ageYears: number | null;
  readonly rows: number;
  readonly columns: number;
  readonly photometric: string | null;
  /** BurnedInAnnotation (0028,0301) is YES. */
  readonly burnedIn: boolean;
}

/**
 * How strictly a missing header is taken. `clinical`: modality and age must be known; `labelled` (images with a
 * manifest, without DICOM): a gate with nothing to judge by is skipped and says so.
 */
export type Strictness = 'clinical' | 'labelled';

/** One row per header gate, in the order in which they are applied: the first that refuses gives the reason. */
const gates: readonly {
  readonly gate: GateResult['gate'];
  readonly code: ErrorCode;
  check(header: ImageHeader, selects: Selects): { readonly passed: boolean | null; readonly detail: string };
}[] = [
  {
    gate: 'modality',
    code: 'GATE_MODALITY',
    check: ({ modality, sopClassUid }, selects) => {
      if (modality === null && sopClassUid === null)
        return { passed: null, detail: 'Neither modality nor SOP class is stated.' };
      const passed =
        (modality === null || selects.modality.includes(modality)) &&
        (sopClassUid === null || selects.sopClass.includes(sopClassUid));
      return {
        passed,
        detail: `The image is ${word(modality, 'of an unstated modality')}; the model reads ${selects.modality.join(', ')}.`,
      };
    },
  },
  {
    gate: 'species',
    code: 'GATE_SPECIES',
    check: ({ human }) => ({
      passed: human !== false,
      detail: human === null ? 'Not stated.' : human ? 'Stated: human.' : 'Stated: another species.',
    }),
  },
  {
    gate: 'body-part',
    code: 'GATE_BODY_PART',
    // A third of public chest radiographs do not state the body part: then the out-of-distribution gate alone judges.
    check: ({ bodyParts }, selects) => {
      if (bodyParts.length === 0)
        return { passed: true, detail: 'Not stated; the out-of-distribution check judges the pixels.' };
      return {
        passed: bodyParts.every((part) => selects.bodyPart.includes(part.toUpperCase())),
        detail: `Stated: ${words(bodyParts)}.`,
      };
    },
  },
  {
    gate: 'view',
    code: 'GATE_VIEW',
    // No check of the pixels tells one frontal projection from the other, so what is not stated is not checked.
    check: ({ views, orientation }, selects) => {
      const stated = views.length === 0 ? 'Not stated and not checked.' : `Stated: ${words(views)}.`;
      if (orientation === 'other')
        return {
          passed: false,
          detail: `${stated} By its orientation it is not an upright frontal picture.`,
        };
      return { passed: views.every((view) => isSelected(view.toUpperCase(), selects.view)), detail: stated };
    },
  },
  {
    gate: 'age',
    code: 'GATE_AGE',
    check: ({ ageYears }, { ageYears: [from, to] }) => {
      const range = `the model reads ages from ${from} to under ${to} years`;
      if (ageYears === null)
        return { passed: null, detail: `The age at the study date is not known; ${range}.` };
      return {
        passed: ageYears >= from && ageYears < to,
        detail: `${Math.floor(ageYears)} years at the study date; ${range}.`,
      };
    },
  },
  {
    gate: 'photometric',
    code: 'GATE_PHOTOMETRIC',
    check: ({ photometric }, selects) => {
      if (photometric === null) return { passed: null, detail: 'Not stated.' };
      return {
        passed: selects.photometric.includes(photometric),
        detail: `Stated: ${word(photometric, '')}.`,
      };
    },
  },
  {
    gate: 'size',
    code: 'GATE_SIZE',
    check: ({ rows, columns }, { minimumSize: [fewestRows, fewestColumns] }) => ({
      passed: rows >= fewestRows && columns >= fewestColumns,
      detail: `${rows} × ${columns} pixels; at least ${fewestRows} × ${fewestColumns} are needed.`,
    }),
  },
  {
    gate: 'burned-in',
    code: 'GATE_BURNED_IN',
    check: ({ burnedIn }) => ({
      passed: !burnedIn,
      detail: burnedIn
        ? 'The header says that annotations are burned in.'
        : 'The header does not say that annotations are burned in.',
    }),
  },
];

/** What the header gates say, and the reason of the first that refused. */
export interface GateVerdict {
  readonly gates: readonly GateResult[];
  readonly reason: Reason | null;
}

/** Applies every header gate; all are reported, the first refusal is the reason. */
export function applyHeaderGates(header: ImageHeader, selects: Selects, strictness: Strictness): GateVerdict {
  let reason: Reason | null = null;
  const results = gates.map(({ gate, code, check }) => {
    const { passed, detail } = check(header, selects);
    const judged = passed === null && strictness === 'clinical' ? false : passed;
    if (judged === false && reason === null) reason = reasonOf(code, detail);
    return { gate, passed: judged, detail };
  });
  return { gates: results, reason };
}

export function reasonOf(code: ErrorCode, detail?: string): Reason {
  const { text } = errorTable[code];
  return { code, text: detail === undefined ? text : `${text} ${detail}` };
}

/** A frontal view that does not say from which side is one of the two. */
function isSelected(view: string, selected: readonly string[]): boolean {
  return view === 'FRONTAL' ? selected.includes('AP') && selected.includes('PA') : selected.includes(view);
}

function words(values: readonly string[]): string {
  return [...new Set(values.map((value) => word(value.toUpperCase(), '')))].join(', ');
}

/** A header value as it may stand in a sentence: short, without anything that could be markup or an identifier. */
function word(value: string | null, otherwise: string): string {
  return value !== null && /^[A-Z0-9 _]{1,20}$/.test(value) ? value : otherwise || 'an unusual value';
}
