/** Imaging studies as Fovea names them, between the FHIR record and the DICOMweb server. */

export interface Coding {
  readonly system: string;
  readonly code: string;
  readonly display: string;
}

/** Where WADO-RS answers for a study or series. */
export interface ImagingEndpoint {
  /** WADO-RS root, without `/studies`. */
  readonly address: string;
  readonly requiresAccessToken: boolean;
}

/** Where images are according to the record: known, or in Endpoints that the record refers to and that were not at hand. */
export interface ImagingSource {
  readonly endpoint: ImagingEndpoint | null;
  /** References to Endpoints to read while `endpoint` is null, in the order of the record. */
  readonly unreadEndpoints: readonly string[];
}

export interface InstanceReference {
  readonly sopInstanceUid: string;
  readonly sopClassUid: string | null;
  readonly number: number | null;
}

export interface SeriesReference extends ImagingSource {
  readonly seriesInstanceUid: string;
  readonly modality: string | null;
  readonly bodySite: Coding | null;
  /** Empty when the record does not list them. */
  readonly instances: readonly InstanceReference[];
}

/** One study as the FHIR record describes it. */
export interface StudyReference extends ImagingSource {
  readonly studyInstanceUid: string;
  /** Logical id of the ImagingStudy resource. */
  readonly fhirId: string | null;
  /** FHIR dateTime as written (date alone, or instant with offset). */
  readonly started: string | null;
  readonly description: string | null;
  readonly modalities: readonly string[];
  readonly series: readonly SeriesReference[];
  readonly numberOfInstances: number | null;
}

/** Who the patient is according to the chart; held against the DICOM header. */
export interface ChartPatient {
  readonly fhirId: string;
  /** Values of Patient.identifier. */
  readonly identifiers: readonly string[];
  /** `YYYY-MM-DD`, or shorter as FHIR allows. */
  readonly birthDate: string | null;
  readonly sex: 'male' | 'female' | 'other' | 'unknown' | null;
}
