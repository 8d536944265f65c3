import type { GateResult, SetLabel } from './assessment.ts';
import type { FindingView, ModelFacts } from './hook-tools.ts';
import type { Coding } from './imaging.ts';
import type { Measured } from './model-package.ts';

/**
 * What the SMART app and its back end tell each other: JSON below `/api/launches/{launch}`. Times are ISO 8601 with zone,
 * dates of records FHIR dates as written. No raw score, no UID and no token is in any of it.
 */

/** `GET /api/launches/{launch}`: whose launch this is and where it opens. `DELETE` is the logout. */
export interface AppContext {
  readonly launch: string;
  readonly tenant: { readonly id: string; readonly name: string };
  /** Invented patients: the app says so. */
  readonly sandbox: boolean;
  readonly user: AppUser;
  /** null: launched without a patient, the worklist is shown. */
  readonly patient: AppPatient | null;
  /** The EHR shows no banner of its own. @see SMART App Launch 2.2 §need_patient_banner */
  readonly needPatientBanner: boolean;
  readonly intent: string | null;
  /** The assessment of the card, or the study of `fhirContext`, at which the app opens. */
  readonly focus: { readonly assessment: string | null; readonly study: string | null };
  /** Of `smart_style_url`, checked; null: the app's own. */
  readonly style: AppStyle | null;
  /** When the session ends unless it is renewed. */
  readonly expiresAt: string;
  /** Whether answers may be given: a patient or a related person reads nothing here and answers nothing. */
  readonly mayAnswer: boolean;
}

export interface AppUser {
  /** null where the EHR does not tell. */
  readonly name: string | null;
  /** `fhirUser` relative to the FHIR server, e.g. `Practitioner/12`. */
  readonly reference: string;
}

export interface AppPatient {
  readonly name: string | null;
  readonly birthDate: string | null;
  readonly sex: 'male' | 'female' | 'other' | 'unknown' | null;
  readonly identifiers: readonly string[];
}

/** Colours as `#rrggbb`, lengths as CSS pixels. @see SMART App Launch 2.2 §Styling */
export interface AppStyle {
  readonly backgroundColor: string | null;
  readonly errorColor: string | null;
  readonly highlightColor: string | null;
  readonly modalBackdropColor: string | null;
  readonly successColor: string | null;
  readonly textColor: string | null;
  readonly borderRadiusPixels: number | null;
  readonly bodyFontFamily: string | null;
  readonly headingFontFamily: string | null;
}

/** `GET …/chart`: the patient's studies with what is known of each, newest first. */
export interface AppChart {
  readonly studies: readonly AppStudy[];
  /** Studies that no deployed model reads. */
  readonly unread: number;
  readonly olderThanLookback: number;
  readonly beyondNewest: number;
  readonly lookbackDays: number;
  /** The EHR had more studies than it gave. */
  readonly incomplete: boolean;
  /** Studies without any result that the viewer can open: those counted above, newest first. */
  readonly others: readonly AppOtherStudy[];
  /** false: the reports could not be read (not granted, not answered), so nobody may say that there is none. */
  readonly reportsRead: boolean;
}

/** A study that no model was asked about. */
export interface AppOtherStudy {
  readonly key: string;
  readonly started: string | null;
  readonly description: string | null;
  readonly modalities: readonly string[];
  readonly images: number | null;
  /** No deployed model reads it; older than the lookback; older than the newest that are looked at. */
  readonly why: 'unread' | 'older' | 'beyond-newest';
  readonly report: AppReport | null;
}

/** One study and what one model says of it. */
export interface AppStudy {
  /** Opaque; changes with the study's content. */
  readonly key: string;
  readonly started: string | null;
  readonly description: string | null;
  readonly modalities: readonly string[];
  readonly images: number | null;
  readonly state: 'final' | 'abstained' | 'failed' | 'pending';
  /** Id of the assessment; null while pending and where a job failed before one was made. */
  readonly assessment: string | null;
  readonly completed: string | null;
  readonly model: ModelFacts;
  /** Empty unless `final`. */
  readonly findings: readonly FindingView[];
  /** Why there is no result, or why the last try failed. */
  readonly reason: AppReason | null;
  /** Set while pending. */
  readonly pending: { readonly since: string; readonly usualSeconds: number | null } | null;
  /** A final report of a radiologist on this study, as the record has it. */
  readonly report: AppReport | null;
  /** The newest answer to this assessment. */
  readonly answer: AppAnswer | null;
}

export interface AppReason {
  readonly code: string;
  readonly text: string;
  readonly help: string;
}

/** A DiagnosticReport with status final, amended or corrected. */
export interface AppReport {
  readonly status: string;
  readonly issued: string | null;
  readonly conclusion: string | null;
  readonly performer: string | null;
}

/** `GET …/assessments/{id}`: everything behind one assessment. */
export interface AppEvidence {
  readonly study: AppStudy;
  readonly model: ModelFacts & {
    readonly variant: string | null;
    readonly provider: string | null;
    readonly released: string;
  };
  readonly image: {
    readonly view: string | null;
    readonly modality: string | null;
    readonly ageYears: number | null;
    readonly studyDate: string | null;
    /** Which instance of the study's pictures was read; null when it is not known. */
    readonly instance: string | null;
  };
  /** One a finding, in the order of `study.findings`; empty unless `final`. */
  readonly findings: readonly AppFindingEvidence[];
  readonly gates: readonly GateResult[];
  /** What the quality gate measured against its limits. Empty: never reached. */
  readonly quality: readonly AppQualityMeasure[];
  /** How unlike the reference images, one a detector: 1 is the limit, above it the gate refuses. Empty: never reached. */
  readonly outOfDistribution: readonly AppDetector[];
  /** The 31 source attributes. */
  readonly sourceAttributes: readonly AppSourceAttribute[];
  /** Of the source attributes: what the model was made from and what it is not for. */
  readonly madeFrom: string;
  readonly notFor: string;
  /** Steps with their milliseconds, in order. */
  readonly timing: readonly { readonly step: string; readonly milliseconds: number }[];
  /** Oldest first. */
  readonly answers: readonly AppAnswer[];
  /** What the EHR told of the cards on this assessment, oldest first. */
  readonly cardFeedback: readonly AppCardFeedback[];
}

/** A measure of the prepared image, grey values in [0, 255]: the gate refuses outside of [minimum, maximum]. */
export interface AppQualityMeasure {
  readonly name: 'standard-deviation' | 'mean' | 'saturated' | 'gradient' | 'mirror-correlation';
  readonly value: number;
  readonly minimum: number;
  readonly maximum: number;
}

export interface AppDetector {
  readonly name: string;
  readonly index: number;
  /** Share of held-out images of the model's own kind that it refuses. */
  readonly falseAlarm: number;
}

export interface AppSourceAttribute {
  readonly key: string;
  readonly clause: string;
  readonly name: string;
  readonly text: string;
}

export interface AppFindingEvidence {
  readonly finding: string;
  readonly set: readonly SetLabel[];
  /** The package's alpha of the conformal set. */
  readonly alpha: number;
  /** At this site's share: {@link AppPrevalenceView}. */
  readonly here: AppPrevalenceView;
  /** Reliability on patients that the calibrator never saw, by bins of equal mass. */
  readonly reliability: {
    readonly set: string;
    readonly n: number;
    readonly patients: number;
    readonly bins: readonly AppReliabilityBin[];
  } | null;
  /**
   * Calibrated probabilities of the calibration cases by their outcome, at the calibration set's share. Each case is left
   * out of the calibration that gives its own (up to 2,000 cases; of more, all are in it, which flatters). The network
   * was made without them.
   */
  readonly distribution: {
    /** length m + 1, from 0 to 1. */
    readonly edges: readonly number[];
    /** length m. */
    readonly present: readonly number[];
    readonly absent: readonly number[];
    /** This result at the calibration set's share. */
    readonly here: number;
    /** Share of the calibration cases with a smaller probability. */
    readonly quantile: number;
  };
  /** null for an abstention and where the model gives none. */
  readonly explanation: AppExplanation | null;
  /** The nearest calibration cases by features, nearest first; null where the package has none. */
  readonly neighbours: readonly AppNeighbour[] | null;
}

export interface AppReliabilityBin {
  /** Mean probability of the bin's cases. */
  readonly predicted: number;
  /** Share that had the finding, with 95 % interval. */
  readonly observed: number;
  readonly interval: readonly [number, number];
  readonly n: number;
}

export interface AppNeighbour {
  readonly outcome: SetLabel;
  /** In units of the median distance between calibration cases. */
  readonly distance: number;
}

/** A class activation relative to its own largest cell. */
export interface AppExplanation {
  /** [rows, columns]. */
  readonly grid: readonly [number, number];
  /** A cell's side in pixels of the model's input. */
  readonly cellPixels: number;
  /** Row by row, [0, 1]: share of the strongest cell that speaks for the finding; those that speak against are 0. */
  readonly shares: readonly number[];
  readonly zones: readonly string[];
  /** The part of the picture that the map covers, as shares of its rows and columns: [top, left, bottom, right]. */
  readonly covers: readonly [number, number, number, number];
}

/** `GET …/assessments/{id}/prevalence?finding=F&value=V`: a finding as it would be told at another share. */
export interface AppPrevalenceView {
  /** Share of the examined patients that have the finding, in (0, 1). */
  readonly prevalence: number;
  readonly source: 'tenant' | 'calibration' | 'asked';
  readonly probability: number;
  readonly interval: readonly [number, number];
  readonly operatingPoints: readonly AppOperatingPoint[];
}

export interface AppOperatingPoint {
  readonly name: string;
  /** On the calibrated probability at the calibration set's share. */
  readonly threshold: number;
  readonly sensitivity: Measured;
  readonly specificity: Measured;
  readonly ppv: { readonly value: number; readonly interval: readonly [number, number] };
  readonly npv: { readonly value: number; readonly interval: readonly [number, number] };
  readonly falsePerTrue: number | null;
}

/** What a clinician says of an assessment. */
export type AnswerKind = 'agree' | 'disagree' | 'not-relevant' | 'final-diagnosis' | 'acknowledge';

/** `POST …/assessments/{id}/answers`, with a key that makes it safe to send again. */
export interface AppAnswerRequest {
  /** UUID made by the app: the same key twice is one answer. */
  readonly key: string;
  readonly kind: AnswerKind;
  readonly finding: string | null;
  /** Required for `disagree`: one of {@link AppAnswerReasons}. */
  readonly reason: string | null;
  /** Required for `final-diagnosis`: whether the finding was there. */
  readonly outcome: SetLabel | null;
  /** At most 2,000 characters. */
  readonly comment: string | null;
}

export interface AppAnswer {
  readonly id: string;
  readonly kind: AnswerKind;
  readonly finding: string | null;
  readonly reason: Coding | null;
  readonly outcome: SetLabel | null;
  readonly comment: string | null;
  readonly by: AppUser;
  readonly at: string;
  /** The answer of the same user on the same finding that this one takes the place of. */
  readonly replaces: string | null;
}

/** `GET …/answer-reasons`: why one disagrees. */
export type AppAnswerReasons = readonly Coding[];

export interface AppCardFeedback {
  readonly outcome: 'accepted' | 'overridden';
  readonly reason: string | null;
  readonly comment: string | null;
  readonly at: string;
}

/** `GET …/studies/{key}/pictures`: what the viewer can open. */
export interface AppPictures {
  readonly series: readonly AppSeries[];
  /** Series that were left out, and why. */
  readonly left: readonly { readonly modality: string | null; readonly why: string }[];
}

export interface AppSeries {
  /** Opaque. */
  readonly key: string;
  readonly modality: string | null;
  readonly description: string | null;
  /** In order of instance number; each opaque. Its facts are read when it is opened. */
  readonly instances: readonly string[];
}

/**
 * `GET …/studies/{key}/pictures/{series}/{instance}`; frames below it: `/frames/{n}`, from 1, in the stored syntax. What
 * is stored without compression, or deflated, comes as Explicit VR Little Endian, and its transfer syntax says that:
 * `Content-Type: application/octet-stream; transfer-syntax=…`, and `x-transfer-syntax`.
 */
export interface AppPicture {
  readonly transferSyntax: string;
  readonly photometric: string;
  readonly rows: number;
  readonly columns: number;
  readonly frames: number;
  readonly samplesPerPixel: number;
  readonly planarConfiguration: number | null;
  readonly bitsAllocated: number;
  readonly bitsStored: number;
  readonly highBit: number;
  readonly signed: boolean;
  readonly rescale: { readonly slope: number; readonly intercept: number } | null;
  readonly windows: readonly {
    readonly center: number;
    readonly width: number;
    readonly name: string | null;
  }[];
  readonly padding: number | null;
  /** Millimetres [row, column]: in the patient. @see DICOM PS3.3 §10.7.1.3 */
  readonly pixelSpacing: readonly [number, number] | null;
  /** Millimetres [row, column]: at the detector, larger than in the patient. */
  readonly imagerPixelSpacing: readonly [number, number] | null;
  readonly position: readonly [number, number, number] | null;
  readonly orientation: readonly number[] | null;
  readonly frameOfReference: string | null;
  readonly laterality: string | null;
  readonly view: string | null;
  readonly instanceNumber: number | null;
}

/** `GET …/worklist`: studies that the EHR lets this user see, elevated and unanswered first. */
export interface AppWorklist {
  readonly entries: readonly AppWorklistEntry[];
  readonly lookbackDays: number;
  /** The EHR had more than it gave, or there were more than one list holds. */
  readonly incomplete: boolean;
  /** Studies among them that a model could read and that nobody has had assessed yet: open the chart for that. */
  readonly notAssessed: number;
}

export interface AppWorklistEntry {
  /** Opaque; `POST …/open` with it makes a launch of that patient's chart: {@link AppOpened}. */
  readonly patientKey: string;
  readonly patient: AppPatient;
  readonly study: AppStudy;
}

/**
 * `GET …/chart/events`: server-sent `study` events, each with the whole {@link AppStudy}; a comment line every 15 s; at
 * last `end` (nothing is pending) or `failed` with an OperationOutcome.
 */
export interface AppEvent {
  readonly study: AppStudy;
}

/** `POST …/open`, 201. */
export interface AppOpened {
  readonly launch: string;
  /** Where its page is, relative to the address of the call. */
  readonly location: string;
}
