import type { AssessedStudy, Assessment, GateResult, ImageFacts, Reason } from '#core/assessment';
import type { ChartPatient } from '#core/imaging';
import { type DicomHeader, readHeader } from '#dicom/attributes';
import { decodeFrames } from '#dicom/decode';
import type { Codecs } from '#dicom/decoders/codecs';
import { greyTransform } from '#dicom/grey';
import { sameIdentity } from '#dicom/identity';
import { type DicomFile, parseDicom } from '#dicom/parse';
import type { ModelOutputs } from '#inference/explain';
import type { Model } from '#inference/model';
import type { Interpretation } from '#inference/predict';
import { predict } from '#inference/predict';
import { type GreyImage, type PreparedImage, prepareImage, toTensor } from '#inference/preprocess';
import { applyHeaderGates, type ImageHeader, reasonOf, type Strictness } from './header-gates.ts';

/** One open model with its calibration prepared. */
export interface ReadyModel {
  readonly model: Model;
  readonly interpret: (outputs: ModelOutputs, prepared: PreparedImage) => Interpretation;
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
  const interpretation = interpret(outputs, prepared);
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

function readable(file: DicomFile, header: DicomHeader, codecs: Codecs): ReadableImage {
  return {
    header: imageHeaderOf(header),
    facts: {
      sopInstanceUid: header.sopInstanceUid,
      view: header.viewPosition,
      modality: header.modality,
      ageYears: header.ageYears,
      studyDate: header.studyDate,
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
    bodyPart: header.bodyPart,
    view: header.viewPosition,
    ageYears: header.ageYears,
    rows: header.rows ?? 0,
    columns: header.columns ?? 0,
    photometric: header.photometric,
    burnedIn: header.burnedIn === true,
  };
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
