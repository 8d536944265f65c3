/**
 * The one error class and the one table of codes.
 *
 * A code is a promise to callers: it is what cards, OperationOutcomes, `fovea assess --json` and the logs carry.
 * `docs/errors.md` is generated from this table and a test compares the two.
 */

/** FHIR R4 `OperationOutcome.issue.code`, the values used here. @see http://hl7.org/fhir/R4/valueset-issue-type.html */
export type IssueType =
  | 'structure'
  | 'required'
  | 'value'
  | 'invalid'
  | 'security'
  | 'login'
  | 'forbidden'
  | 'not-found'
  | 'not-supported'
  | 'processing'
  | 'business-rule'
  | 'incomplete'
  | 'transient'
  | 'timeout'
  | 'throttled'
  | 'too-costly'
  | 'too-long'
  | 'conflict'
  | 'no-store'
  | 'exception';

interface CodeEntry {
  /** HTTP status when the code ends a request. */
  readonly status: number;
  readonly issue: IssueType;
  /** Plain English, no ids and no names: it is shown to callers and clinicians. */
  readonly text: string;
  /** What would help. */
  readonly help: string;
}

const table = {
  // The SMART app
  SMART_ISS_NOT_ALLOWED: {
    status: 403,
    issue: 'forbidden',
    text: 'The EHR that asked for the launch is not registered here.',
    help: 'Ask the operator to list the FHIR server under smart of its tenant.',
  },
  SMART_LAUNCH_REFUSED: {
    status: 403,
    issue: 'forbidden',
    text: 'The EHR did not allow the launch.',
    help: 'Launch the app again from the chart; if it is refused again, ask who administers the EHR whether the app is registered with its scopes.',
  },
  SMART_SERVER_INVALID: {
    status: 502,
    issue: 'processing',
    text: 'The authorization server of the EHR does not answer as SMART App Launch asks.',
    help: 'Compare .well-known/smart-configuration of the FHIR server with SMART App Launch 2.2 and with authorizationServers of the tenant.',
  },
  SMART_SESSION_ENDED: {
    status: 401,
    issue: 'login',
    text: 'The session has ended.',
    help: 'Launch the app again from the chart. What was typed is kept in this window.',
  },
  SMART_STATE_INVALID: {
    status: 400,
    issue: 'security',
    text: 'This answer of the EHR belongs to no launch of this browser.',
    help: 'Launch the app again from the chart, in one window, and allow its cookie.',
  },
  SMART_TOKEN_INVALID: {
    status: 502,
    issue: 'security',
    text: 'What the EHR gave as proof of who is signed in does not hold.',
    help: 'Ask who administers the EHR to check issuer, keys and clock of its authorization server.',
  },
  // Requests
  BODY_TOO_LARGE: {
    status: 413,
    issue: 'too-long',
    text: 'The request body is larger than the service accepts.',
    help: 'Send fewer prefetched resources, or raise FOVEA_BODY_LIMIT.',
  },
  CLIENT_FORBIDDEN: {
    status: 403,
    issue: 'forbidden',
    text: 'The caller may not do this.',
    help: 'Ask the operator of the service which calls the tenant may make.',
  },
  CLIENT_UNAUTHENTICATED: {
    status: 401,
    issue: 'login',
    text: 'The caller could not be authenticated.',
    help: 'Send a CDS Hooks client JWT that this service accepts.',
  },
  DEADLINE_EXCEEDED: {
    status: 503,
    issue: 'timeout',
    text: 'The service could not answer in time.',
    help: 'Try again after the time that Retry-After names.',
  },
  FEEDBACK_FOREIGN_CARD: {
    status: 404,
    issue: 'not-found',
    text: 'The feedback names a card that this service did not give to this caller.',
    help: 'Send the uuid of a card that the caller received.',
  },
  FHIR_SERVER_NOT_ALLOWED: {
    status: 403,
    issue: 'security',
    text: 'The FHIR server of the request is not one of the tenant’s.',
    help: 'Register the FHIR server with the service.',
  },
  HOOK_MISMATCH: {
    status: 400,
    issue: 'value',
    text: 'The service does not answer this hook.',
    help: 'Read the discovery endpoint for the hooks of each service.',
  },
  INTERNAL: {
    status: 500,
    issue: 'exception',
    text: 'The service failed.',
    help: 'Try again; report the time of the call if it happens again.',
  },
  INVALID_REQUEST: {
    status: 400,
    issue: 'invalid',
    text: 'The request does not have the form that the interface asks for.',
    help: 'Compare the request with the specification of the interface.',
  },
  MALFORMED_JSON: {
    status: 400,
    issue: 'structure',
    text: 'The request body is not JSON.',
    help: 'Send a JSON body with content type application/json.',
  },
  METHOD_NOT_ALLOWED: {
    status: 405,
    issue: 'not-supported',
    text: 'The address does not take this method.',
    help: 'See the documentation of the interface.',
  },
  NOT_FOUND: {
    status: 404,
    issue: 'not-found',
    text: 'There is nothing at this address.',
    help: 'See the documentation of the interface.',
  },
  OVERLOADED: {
    status: 503,
    issue: 'throttled',
    text: 'The service has more requests than it can answer.',
    help: 'Try again after the time that Retry-After names.',
  },
  PREFETCH_UNMET: {
    status: 412,
    issue: 'incomplete',
    text: 'Data that the service needs were neither prefetched nor could they be fetched.',
    help: 'Send the prefetch that the discovery endpoint names, or fhirServer with fhirAuthorization.',
  },
  SERVICE_NOT_FOUND: {
    status: 404,
    issue: 'not-found',
    text: 'There is no CDS service of this id.',
    help: 'Read the discovery endpoint for the services.',
  },
  SERVICE_STOPPING: {
    status: 503,
    issue: 'transient',
    text: 'The service is being stopped.',
    help: 'Try again after the time that Retry-After names.',
  },
  UNSUPPORTED_MEDIA_TYPE: {
    status: 415,
    issue: 'not-supported',
    text: 'The content type of the body is not supported.',
    help: 'Send application/json.',
  },

  // Outbound calls
  ADDRESS_NOT_ALLOWED: {
    status: 502,
    issue: 'security',
    text: 'A host name leads to an address that the tenant’s list does not allow.',
    help: 'List the address range of the host in the tenant.',
  },
  HOST_NOT_ALLOWED: {
    status: 502,
    issue: 'security',
    text: 'The images are on a host that is not on the tenant’s list.',
    help: 'Ask the operator to list the imaging server for this tenant.',
  },
  OUTBOUND_INVALID_RESPONSE: {
    status: 502,
    issue: 'invalid',
    text: 'Another server answered with something that cannot be read.',
    help: 'Check the other server.',
  },
  OUTBOUND_TIMEOUT: {
    status: 504,
    issue: 'timeout',
    text: 'Another server did not answer in time.',
    help: 'Try again later; check the other server.',
  },
  OUTBOUND_TOO_LARGE: {
    status: 502,
    issue: 'too-costly',
    text: 'Another server answered with more data than is allowed.',
    help: 'Check the other server, or raise the limit.',
  },
  OUTBOUND_UNREACHABLE: {
    status: 502,
    issue: 'transient',
    text: 'Another server cannot be reached.',
    help: 'Check the address and the network.',
  },
  REDIRECT_REFUSED: {
    status: 502,
    issue: 'security',
    text: 'Another server redirected to an address that is not allowed.',
    help: 'Configure the address that the other server redirects to.',
  },

  // FHIR
  FHIR_INVALID_RESPONSE: {
    status: 502,
    issue: 'invalid',
    text: 'The FHIR server answered with something that is not the FHIR resource asked for.',
    help: 'Check the FHIR server.',
  },
  FHIR_UNAUTHORIZED: {
    status: 502,
    issue: 'security',
    text: 'The FHIR server refused the access token.',
    help: 'Grant the scopes that the service documents.',
  },
  FHIR_UNAVAILABLE: {
    status: 502,
    issue: 'transient',
    text: 'The FHIR server could not answer.',
    help: 'Try again later.',
  },

  // DICOMweb
  DICOMWEB_BUSY: {
    status: 503,
    issue: 'transient',
    text: 'The imaging server is still preparing the study.',
    help: 'The service tries again by itself.',
  },
  DICOMWEB_CONTENT_TYPE: {
    status: 502,
    issue: 'invalid',
    text: 'The imaging server answered with something other than DICOM.',
    help: 'Check that the Endpoint address is a DICOMweb (WADO-RS) root.',
  },
  DICOMWEB_INVALID_RESPONSE: {
    status: 502,
    issue: 'invalid',
    text: 'The imaging server’s answer breaks the rules of DICOMweb.',
    help: 'Check the imaging server.',
  },
  DICOMWEB_NOT_FOUND: {
    status: 502,
    issue: 'not-found',
    text: 'The imaging server does not have the study.',
    help: 'Check whether the study was moved or archived.',
  },
  DICOMWEB_TIMEOUT: {
    status: 504,
    issue: 'timeout',
    text: 'The imaging server did not deliver the study in time.',
    help: 'The service tries again by itself.',
  },
  DICOMWEB_TOO_LARGE: {
    status: 502,
    issue: 'too-costly',
    text: 'The study is larger than the service fetches.',
    help: 'Raise the limit of the tenant.',
  },
  DICOMWEB_TRUNCATED: {
    status: 502,
    issue: 'incomplete',
    text: 'The imaging server’s answer broke off.',
    help: 'The service tries again by itself.',
  },
  DICOMWEB_UNAUTHORIZED: {
    status: 502,
    issue: 'security',
    text: 'The imaging server refused access.',
    help: 'Open the chart again, or grant the service access to the imaging server.',
  },
  DICOMWEB_UNAVAILABLE: {
    status: 502,
    issue: 'transient',
    text: 'The imaging server could not answer.',
    help: 'The service tries again by itself.',
  },
  ENDPOINT_MISSING: {
    status: 502,
    issue: 'incomplete',
    text: 'The record of the study does not say where its images are.',
    help: 'Add a DICOM WADO-RS Endpoint to the ImagingStudy or to the tenant.',
  },

  // DICOM files
  DICOM_CODEC_FAILED: {
    status: 422,
    issue: 'processing',
    text: 'The compressed image could not be decoded.',
    help: 'Check the file with another viewer.',
  },
  DICOM_INFLATE_LIMIT: {
    status: 422,
    issue: 'too-costly',
    text: 'The deflated file expands to more than is allowed.',
    help: 'Send the file in another transfer syntax.',
  },
  DICOM_INVALID: {
    status: 422,
    issue: 'invalid',
    text: 'The DICOM file contradicts itself.',
    help: 'Check how the file was made.',
  },
  DICOM_NOT_DICOM: {
    status: 422,
    issue: 'structure',
    text: 'The file is not DICOM.',
    help: 'Give a DICOM Part 10 file.',
  },
  DICOM_NO_PIXELS: {
    status: 422,
    issue: 'not-supported',
    text: 'The DICOM object has no pixel data.',
    help: 'Give an image object.',
  },
  DICOM_TOO_LARGE: {
    status: 422,
    issue: 'too-costly',
    text: 'The image is larger than the service decodes.',
    help: 'Raise the limit, or give a smaller image.',
  },
  DICOM_TRUNCATED: {
    status: 422,
    issue: 'incomplete',
    text: 'The file breaks off before its end.',
    help: 'Transfer the file again.',
  },
  DICOM_UNSUPPORTED_PIXELS: {
    status: 422,
    issue: 'not-supported',
    text: 'The form of the pixel data is not supported.',
    help: 'See the documentation for the supported forms.',
  },
  DICOM_UNSUPPORTED_SYNTAX: {
    status: 422,
    issue: 'not-supported',
    text: 'The transfer syntax is not supported.',
    help: 'Convert the file to a supported transfer syntax.',
  },

  // Models and workers
  MODEL_COMPLETENESS_FAILED: {
    status: 500,
    issue: 'processing',
    text: 'The explanation does not add up to the result, so neither is shown.',
    help: 'Verify the model package on this machine (fovea models verify).',
  },
  MODEL_DIGEST_MISMATCH: {
    status: 500,
    issue: 'security',
    text: 'A file of the model package does not have the digest that its manifest names.',
    help: 'Install the package again.',
  },
  MODEL_NOT_FOUND: {
    status: 404,
    issue: 'not-found',
    text: 'There is no such model package.',
    help: 'fovea models list shows the packages.',
  },
  MODEL_PACKAGE_INVALID: {
    status: 500,
    issue: 'invalid',
    text: 'The model package breaks the rules of packages.',
    help: 'fovea models verify says which rule.',
  },
  MODEL_PARITY_FAILED: {
    status: 500,
    issue: 'processing',
    text: 'The model gives other results on this machine than it should.',
    help: 'Use another execution provider; report the difference.',
  },
  MODEL_PROVIDER_UNAVAILABLE: {
    status: 500,
    issue: 'not-supported',
    text: 'No execution provider of the list can run the model here.',
    help: 'fovea doctor shows the providers of this machine.',
  },
  WORKER_DIED: {
    status: 500,
    issue: 'exception',
    text: 'The worker that assessed the study ended before its result.',
    help: 'The service tries again by itself.',
  },
  WORKER_TIMEOUT: {
    status: 500,
    issue: 'timeout',
    text: 'The assessment took longer than is allowed.',
    help: 'The service tries again by itself.',
  },

  // Gates: why a model does not speak
  GATE_AGE: {
    status: 422,
    issue: 'business-rule',
    text: 'The patient’s age at the study date is outside the ages the model was made for, or not known.',
    help: 'Check the birth date in the record and in the image. After a correction in the record the study is assessed again; a corrected image has to come as a new instance.',
  },
  GATE_BODY_PART: {
    status: 422,
    issue: 'business-rule',
    text: 'The image shows another part of the body than the model was made for.',
    help: 'No action is needed; this model does not read such images.',
  },
  GATE_BURNED_IN: {
    status: 422,
    issue: 'business-rule',
    text: 'The image is marked as having text burned into it.',
    help: 'Use the original image without annotations.',
  },
  GATE_MODALITY: {
    status: 422,
    issue: 'business-rule',
    text: 'The model does not read this modality or kind of object.',
    help: 'No action is needed; this model does not read such images.',
  },
  GATE_OUT_OF_DISTRIBUTION: {
    status: 422,
    issue: 'business-rule',
    text: 'The image looks unlike the images the model was made from.',
    help: 'Check exposure, rotation, inversion and that the image is what the record says.',
  },
  GATE_PHOTOMETRIC: {
    status: 422,
    issue: 'business-rule',
    text: 'The image is not a plain greyscale image.',
    help: 'Use the original greyscale image.',
  },
  GATE_QUALITY: {
    status: 422,
    issue: 'business-rule',
    text: 'The image quality is outside what the model was made for.',
    help: 'Check exposure and collimation.',
  },
  GATE_SIZE: {
    status: 422,
    issue: 'business-rule',
    text: 'The image is smaller than the model needs.',
    help: 'Use the original image, not a preview.',
  },
  GATE_SPECIES: {
    status: 422,
    issue: 'business-rule',
    text: 'The image is not of a human being, by its header.',
    help: 'Have the assignment of the study checked.',
  },
  GATE_VIEW: {
    status: 422,
    issue: 'business-rule',
    text: 'The image is another projection than the model was made for.',
    help: 'An upright frontal projection is needed. If this is one, its header is wrong: a corrected image has to come as a new instance.',
  },
  NO_MODEL: {
    status: 422,
    issue: 'not-supported',
    text: 'No deployed model reads this kind of study.',
    help: 'No action is needed.',
  },
  PATIENT_MISMATCH: {
    status: 422,
    issue: 'security',
    text: 'The patient named in the image is not the patient of the chart.',
    help: 'Have the assignment of the study checked. After a correction in the record the study is assessed again; a corrected image has to come as a new instance.',
  },

  // Jobs, store, operation
  CONFIG_INVALID: {
    status: 500,
    issue: 'invalid',
    text: 'The configuration is not valid.',
    help: 'fovea doctor names the setting.',
  },
  DATA_FOLDER_LOCKED: {
    status: 500,
    issue: 'conflict',
    text: 'Another process uses the data folder.',
    help: 'Stop the other process, or set FOVEA_DATA or DATABASE_URL.',
  },
  FILE_UNREADABLE: {
    status: 422,
    issue: 'processing',
    text: 'The file cannot be read.',
    help: 'Check the path and its permissions.',
  },
  JOB_EXHAUSTED: {
    status: 500,
    issue: 'processing',
    text: 'The assessment failed after several tries.',
    help: 'See the reason of the last try.',
  },
  MANIFEST_INVALID: {
    status: 422,
    issue: 'invalid',
    text: 'The manifest of labelled images is not valid.',
    help: 'See the column and line that the message names.',
  },
  NEEDS_CREDENTIAL: {
    status: 412,
    issue: 'login',
    text: 'The assessment waits until the chart is opened again, because access to the images ended.',
    help: 'Open the chart again.',
  },
  STORE_FULL: {
    status: 503,
    issue: 'no-store',
    text: 'The service cannot store results: there is no room left.',
    help: 'Free disk space; the service goes on by itself.',
  },
  STORE_UNAVAILABLE: {
    status: 503,
    issue: 'transient',
    text: 'The service cannot reach its database.',
    help: 'Try again after the time that Retry-After names.',
  },
  USAGE: {
    status: 400,
    issue: 'invalid',
    text: 'The command was not understood.',
    help: 'Run the command with --help.',
  },
} as const satisfies Record<string, CodeEntry>;

export type ErrorCode = keyof typeof table;

/** Every code with its HTTP status, FHIR issue type, text and help. */
export const errorTable: Readonly<Record<ErrorCode, CodeEntry>> = table;

export function isErrorCode(value: string): value is ErrorCode {
  return Object.hasOwn(table, value);
}

export interface ServiceErrorOptions {
  /** What exactly, for the caller. Never a name, id, token, UID or address of a patient's data. */
  readonly detail?: string;
  /** Seconds, for `Retry-After`. */
  readonly retryAfter?: number;
  /** Another HTTP status than the table's. */
  readonly status?: number;
  readonly cause?: unknown;
}

/** The only error that Fovea throws on a user's path. */
export class ServiceError extends Error {
  override readonly name = 'ServiceError';
  readonly code: ErrorCode;
  readonly status: number;
  readonly issue: IssueType;
  readonly help: string;
  readonly detail: string | undefined;
  readonly retryAfter: number | undefined;

  constructor(code: ErrorCode, options: ServiceErrorOptions = {}) {
    const entry = table[code];
    super(
      options.detail === undefined ? entry.text : `${entry.text} ${options.detail}`,
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.code = code;
    this.status = options.status ?? entry.status;
    this.issue = entry.issue;
    this.help = entry.help;
    this.detail = options.detail;
    this.retryAfter = options.retryAfter;
  }
}

/** `error` itself when it is a {@link ServiceError}, else one of code `fallback` with it as cause. */
export function asServiceError(error: unknown, fallback: ErrorCode = 'INTERNAL'): ServiceError {
  return error instanceof ServiceError ? error : new ServiceError(fallback, { cause: error });
}

/** Where a thread or process boundary has turned an error into plain data: `{ code, detail }`. */
export interface CodedFailure {
  readonly code: ErrorCode;
  readonly detail?: string;
  readonly retryAfter?: number;
}

export function toCodedFailure(error: unknown, fallback: ErrorCode = 'INTERNAL'): CodedFailure {
  const coded = asServiceError(error, fallback);
  return {
    code: coded.code,
    ...(coded.detail !== undefined && { detail: coded.detail }),
    ...(coded.retryAfter !== undefined && { retryAfter: coded.retryAfter }),
  };
}
