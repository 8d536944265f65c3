import type { AssessedStudy, Assessment, GateResult, ImageFacts, Reason } from '#core/assessment';
import type { ChartPatient } from '#core/imaging';
import { type DicomHeader, readHeader } from '#dicom/attributes';
import { bodyPartOf, isHuman, viewOf } from '#dicom/concepts';
import { decodeFrames } from '#dicom/decode';
import type { Codecs } from '#dicom/decoders/codecs';
import { greyTransform } from '#dicom/grey';
import { sameIdentity } from '#dicom/identity';
import { pictureOrientation } from '#dicom/orientation';
import { type DicomFile, parseDicom } from '#dicom/parse';
import type { ModelOutputs, Sides } from '#inference/explain';
import type { Model } from '#inference/model';
import type { Interpretation } from '#inference/predict';
import { predict } from '#inference/predict';
import { type GreyImage, type PreparedImage, prepareImage, toTensor } from '#inference/preprocess';
import { applyHeaderGates, type ImageHeader, reasonOf, type Strictness } from './header-gates.ts';

/** One open model with its calibration prepared. */
export interface ReadyModel {
  readonly model: Model;
  readonly interpret: (outputs: ModelOutputs, prepared: PreparedImage, sides: Sides) => Interpretation;
}

/** Whose image it must be, and how strictly missing headers are taken. */
export interface ImageContext {
  /** null: nobody's chart (command line); then the identity gate does not apply. */
  readonly patient: ChartPatient | null;
  /** Study Instance UID that the image must carry; null: any. */
  readonly studyInstanceUid: string | null;
  readonly strictness: Strictness;
}

/** What an image is and how its stored values become grey. */
export interface ReadableImage {
  readonly header: ImageHeader;
  readonly facts: ImageFacts;
  /** Decodes; called only when the header gates have passed. */
  readonly grey: () => GreyImage;
}

/**
 * Parses one DICOM file, holds it against the gates and, when they pass, runs the model on it. Blocks the thread.
 *
 * @throws ServiceError DICOM_…: the file cannot be read or decoded; MODEL_…: the model failed
 */
export async function assessDicom(
  bytes: Uint8Array,
  ready: ReadyModel,
  codecs: Codecs,
  context: ImageContext,
): Promise<AssessedStudy> {
  const started = performance.now();
  const file = parseDicom(bytes);
  const header = readHeader(file);
  const identity = identityGate(header, context);
  return assessReadable(readable(file, header, codecs), ready, context.strictness, identity, started);
}

/** The same for an image that is already readable (a labelled PNG or JPEG). */
export async function assessReadable(
  image: ReadableImage,
  ready: ReadyModel,
  strictness: Strictness,
  identity: GateResult | null,
  started: number,
): Promise<AssessedStudy> {
  const { model, interpret } = ready;
  const { manifest } = model.package;
  const verdict = applyHeaderGates(image.header, manifest.selects, strictness);
  const gates = identity === null ? [...verdict.gates] : [identity, ...verdict.gates];
  const refused: Reason | null =
    identity?.passed === false ? reasonOf('PATIENT_MISMATCH', identity.detail) : verdict.reason;
  const assessment = (part: Partial<Assessment>): Assessment => ({
    status: 'abstained',
    reason: null,
    model: model.identity,
    image: image.facts,
    findings: [],
    gates,
    timing: { total: performance.now() - started },
    ...part,
  });
  if (refused !== null) return { assessment: assessment({ reason: refused }), private: null };

  const decodeStarted = performance.now();
  const grey = image.grey();
  const preprocessStarted = performance.now();
  const prepared = prepareImage(grey, manifest.input);
  const tensor = toTensor(prepared, manifest.input);
  const inferStarted = performance.now();
  const outputs = await predict(model, tensor);
  const interpretation = interpret(outputs, prepared, sidesOf(image.header));
  gates.push(...interpretation.gates);
  const [quality, outOfDistribution] = interpretation.gates;
  const reason =
    quality.passed === false
      ? reasonOf('GATE_QUALITY', quality.detail)
      : outOfDistribution.passed === false
        ? reasonOf('GATE_OUT_OF_DISTRIBUTION')
        : null;
  return {
    assessment: assessment({
      status: reason === null ? 'final' : 'abstained',
      reason,
      findings: reason === null ? interpretation.findings : [],
      timing: {
        decode: preprocessStarted - decodeStarted,
        preprocess: inferStarted - preprocessStarted,
        infer: outputs.ms,
        explain: interpretation.explainMs,
        total: performance.now() - started,
      },
    }),
    private:
      reason === null
        ? interpretation.private
        : { ...interpretation.private, explanations: [], withheld: interpretation.findings },
  };
}

/** Only a header that says how the picture lies tells whose right and left its sides are. */
function sidesOf({ orientation }: ImageHeader): Sides {
  return orientation === 'standard' || orientation === 'mirrored' ? orientation : 'unknown';
}

function readable(file: DicomFile, dicom: DicomHeader, codecs: Codecs): ReadableImage {
  const header = imageHeaderOf(dicom);
  return {
    header,
    facts: {
      sopInstanceUid: dicom.sopInstanceUid,
      view: header.views[0] ?? null,
      modality: dicom.modality,
      ageYears: dicom.ageYears,
      studyDate: dicom.studyDate,
    },
    grey: () => {
      const decoded = decodeFrames(file, { frames: [0], codecs });
      return {
        rows: decoded.rows,
        columns: decoded.columns,
        data: decoded.data,
        ...greyTransform(file, decoded),
      };
    },
  };
}

/** What the header gates need of a DICOM header. */
export function imageHeaderOf(header: DicomHeader): ImageHeader {
  return {
    modality: header.modality,
    sopClassUid: header.sopClassUid,
    human: humanOf(header),
    bodyParts: stated(header.bodyPart, header.anatomicRegions.map(bodyPartOf)),
    views: stated(header.viewPosition, header.viewCodes.map(viewOf)),
    orientation: pictureOrientation(header.patientOrientation),
    ageYears: header.ageYears,
    rows: header.rows ?? 0,
    columns: header.columns ?? 0,
    photometric: header.photometric,
    burnedIn: header.burnedIn === true,
  };
}

/** What a plain attribute and the codes beside it say: each counts, so that none hides what another contradicts. */
function stated(plain: string | null, coded: readonly (string | null)[]): readonly string[] {
  return [...new Set([plain, ...coded].filter((one) => one !== null))];
}

/** Species in free text that are people, and words that say nothing. */
const humanText = /\b(homo|human|humans|person)\b/i;
const emptyText = /^(unknown|unspecified|not (applicable|available|specified)|n\/?a|none|-+)$/i;

function humanOf({ patientSpecies, patientSpeciesCodes }: DicomHeader): boolean | null {
  const text =
    patientSpecies === null || emptyText.test(patientSpecies) ? null : humanText.test(patientSpecies);
  const said = [text, ...patientSpeciesCodes.map(isHuman)].filter((one) => one !== null);
  return said.length === 0 ? null : said.every((one) => one);
}

function identityGate(header: DicomHeader, context: ImageContext): GateResult | null {
  if (context.studyInstanceUid !== null && header.studyInstanceUid !== context.studyInstanceUid) {
    return {
      gate: 'patient',
      passed: false,
      detail: 'The image belongs to another study than the record says.',
    };
  }
  if (context.patient === null) return null;
  const { same, detail } = sameIdentity(header, context.patient);
  return { gate: 'patient', passed: same, detail };
}
