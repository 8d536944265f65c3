import type { Band, FindingResult, ImageFacts, Reason } from './assessment.ts';
import type { Log } from './log.ts';
import type { Measured } from './model-package.ts';

/**
 * What a hook service gets. Hooks never see DICOM or ONNX: results already hold everything that a card says.
 * `assessments` and `fhir` are bound to one call: its tenant, its access and its deadline.
 */
export interface HookTools {
  readonly assessments: AssessmentTools;
  readonly now: () => Date;
  readonly log: Log;
  /** Aborts when the call's deadline is reached. */
  readonly signal: AbortSignal;
  /** Where links of cards lead. */
  readonly links: {
    /** Absolute address of a service's source attributes for people, model by model. */
    sourceAttributes(model: string, version: string): string;
    /** Launch of the SMART app at an assessment; null where the EHR of the call has not registered it. @see CDS Hooks 2.0 §Link */
    app(assessmentId: string): { readonly url: string; readonly appContext: string } | null;
    /** Absolute address of this Fovea. */
    readonly home: string;
  };
}

export interface AssessmentTools {
  /**
   * The state of every study of the patient that a deployed model could read, newest first, waiting for running
   * jobs until the deadline. `patient` and `imagingStudies` are the resources of this very call (prefetched or
   * fetched with its token), which proves access. Studies older than the tenant's lookback are left out and counted.
   */
  forPatient(query: {
    readonly patient: unknown;
    readonly imagingStudies: unknown;
  }): Promise<PatientAssessments>;
}

/** Whether this user may be told an AI result: no patient and no related person is, a clinician tells them. @see CDS Hooks 2.0 §patient-view, userId */
export function isClinician(userId: string): boolean {
  return !/^(Patient|RelatedPerson)\//.test(userId);
}

/**
 * Whether `fhirUser` names a clinician. It may name a Person too, who may be a patient: nobody is told a result of whom
 * the EHR does not say so. @see SMART App Launch 2.2 §fhirUser
 * @param reference relative or absolute
 */
export function isPractitioner(reference: string): boolean {
  return /(?:^|\/)(?:Practitioner|PractitionerRole)\/[^/]+$/.test(reference);
}

export interface PatientAssessments {
  readonly studies: readonly StudyAssessment[];
  /** Studies that no deployed model reads (another modality): never a card. */
  readonly unread: number;
  readonly olderThanLookback: number;
  /** Studies within the lookback that are older than the newest 50, which are all that one call looks at. */
  readonly beyondNewest: number;
  readonly lookbackDays: number;
  /** The tenant wants cards for `low` too. */
  readonly showLow: boolean;
}

/** One study with what is known of it now. */
export type StudyAssessment = StudyFacts &
  (
    | { readonly state: 'final'; readonly result: FinalResult }
    | {
        readonly state: 'abstained';
        readonly assessmentId: string;
        readonly reason: Reason & { readonly help: string };
        readonly model: ModelFacts;
      }
    | {
        readonly state: 'failed';
        readonly reason: Reason & { readonly help: string };
        /** The model that was asked. */
        readonly model: ModelFacts;
      }
    | {
        readonly state: 'pending';
        /** When the job was accepted. */
        readonly since: Date;
        /** Median of this deployment's recent jobs, seconds; null without any. */
        readonly usualSeconds: number | null;
        /** Why the last try failed, when there was one. */
        readonly lastReason: (Reason & { readonly help: string }) | null;
      }
  );

export interface StudyFacts {
  /** Changes with the study's content; stable for the same content. Opaque, no UID in it. */
  readonly studyKey: string;
  /** FHIR dateTime. */
  readonly started: string | null;
  readonly description: string | null;
  readonly modalities: readonly string[];
  /** How many images of the study the model could read, as far as the record tells; null when it does not. */
  readonly images: number | null;
  /** This user overrode a card for the same study and model version: of its result, or of its not having one. */
  readonly overridden: boolean;
}

export interface ModelFacts {
  readonly name: string;
  readonly version: string;
  readonly title: string;
  readonly population: string;
  readonly populationNoun: string;
  /** `research`, `investigational` or `cleared:<id>`. */
  readonly use: string;
}

export interface FinalResult {
  readonly assessmentId: string;
  readonly completed: Date;
  readonly model: ModelFacts;
  readonly image: ImageFacts;
  readonly findings: readonly FindingView[];
}

/** One finding as a card tells it. Probability and interval are at `prevalence`. */
export interface FindingView {
  readonly name: string;
  readonly label: string;
  readonly code: FindingResult['code'];
  /** At {@link prevalence.value}, [0, 1]. */
  readonly probability: number;
  readonly interval: readonly [number, number];
  readonly band: Band;
  /** The score lies between those of the classes: the conformal set was empty. */
  readonly atypical: boolean;
  readonly zones: readonly string[];
  readonly limits: readonly string[];
  readonly calibration: { readonly method: string; readonly n: number; readonly patients: number };
  readonly prevalence: {
    readonly value: number;
    /** `tenant`: the tenant's own; `calibration`: that of the calibration set. */
    readonly source: 'tenant' | 'calibration';
    /** Of the calibration set. */
    readonly calibration: number;
  };
  /** At the operating point that made the band (rule-in for elevated, rule-out for low, none for indeterminate), at `prevalence`. */
  readonly operatingPoint: {
    readonly name: string;
    readonly sensitivity: Measured;
    readonly specificity: Measured;
    /** Positive predictive value, with interval. */
    readonly ppv: { readonly value: number; readonly interval: readonly [number, number] };
    readonly npv: { readonly value: number; readonly interval: readonly [number, number] };
    /** False alerts for each true one. */
    readonly falsePerTrue: number;
  } | null;
}
