import { ServiceError } from '#core/error';
import { isHookName, isReferenceField, isTokenField } from './hook-table.ts';
import { isFhirId, isReference, type JsonObject } from './json.ts';

/** User identifiers that a token may name, with the type of the user they stand for. @see CDS Hooks 2.0 §Prefetch tokens identifying the user */
const userTokens: Readonly<Record<string, string>> = {
  userPractitionerId: 'Practitioner',
  userPractitionerRoleId: 'PractitionerRole',
  userPatientId: 'Patient',
  userRelatedPersonId: 'RelatedPerson',
};

const token = /\{\{(.*?)\}\}/g;

/**
 * What is wrong with a prefetch template, in words; empty when nothing is. Refused is what breaks a SHALL (tokens)
 * and what lies outside the query subset that every EHR can be expected to answer.
 * @see CDS Hooks 2.0 §Prefetch Template, §Prefetch query restrictions
 */
export function templateProblems(hook: string, template: string): string[] {
  const problems: string[] = [];
  for (const [, name] of template.matchAll(token)) {
    if (!isLegalToken(hook, String(name))) problems.push(`{{${name}}} is not a token of ${hook}`);
  }
  const filled = template.replaceAll(token, 'x');
  if (/[{}]/.test(filled)) problems.push('a token is not closed');
  const whole = /^\{\{context\.([\w-]+)\}\}$/.exec(template)?.[1];
  const isReferenceQuery = whole !== undefined && isReferenceField(hook, whole);
  return isReferenceQuery ? problems : [...problems, ...queryProblems(filled)];
}

function isLegalToken(hook: string, name: string): boolean {
  if (Object.hasOwn(userTokens, name)) return true;
  const field = /^context\.([A-Za-z][\w-]*)$/.exec(name)?.[1];
  return field !== undefined && isTokenField(hook, field);
}

const type = '[A-Z][A-Za-z]+';
const read = new RegExp(`^${type}/[A-Za-z0-9.-]+$`);
const search = new RegExp(`^(${type})\\?(.+)$`);
/** What may stand in a query as it is; anything else comes percent-encoded. @see RFC 3986 §3.4 */
const value = '[!$-;=>@-\\[\\]_a-z|~]+';
const parameter = new RegExp(`^([a-z][A-Za-z-]*)(:in)?=(${value})$`);
const control = new RegExp(`^(_count=[1-9]\\d*|_sort=-?[a-z][A-Za-z-]*(,-?[a-z][A-Za-z-]*)*|_id=${value})$`);

/** A search prefix before what it can stand before: a date, a number, a quantity. @see FHIR R4 §search, prefixes */
const prefixed = /^(?:eq|ne|lt|gt|ge|le|sa|eb|ap)[-+.]?\d/;
/** A date, dateTime or instant with the prefixes that the subset has. A plus sign of an offset comes encoded. */
const dated =
  /^(?:eq|lt|gt|ge|le)\d{4}(?:-\d\d(?:-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|(?:-|%2B)\d\d:\d\d)?)?)?)?$/i;
/** The parts of a composite, or a quantity with its unit. */
const composed = /\$|^[-+.]?\d+(?:\.\d+)?\|/;

/** The type of a parameter is not known here; what its value looks like is. */
function isValueOfSubset(values: string): boolean {
  return values.split(',').every((one) => (prefixed.test(one) ? dated.test(one) : !composed.test(one)));
}

function queryProblems(query: string): string[] {
  if (read.test(query)) return [];
  const parts = search.exec(query);
  if (parts === null) return ['it is neither a read (Type/id) nor a search of a type (Type?parameter=value)'];
  return String(parts[2])
    .split('&')
    .filter((part) => !isOfSubset(part))
    .map((part) => `${part.split('=')[0]} is outside the query subset of CDS Hooks`);
}

function isOfSubset(part: string): boolean {
  if (control.test(part)) return true;
  const values = parameter.exec(part)?.[3];
  return values !== undefined && isValueOfSubset(values);
}

/** Refuses a hook name or prefetch template that the standard does not allow. @throws ServiceError CONFIG_INVALID */
export function checkHookDefinition(
  serviceId: string,
  hook: string,
  prefetch: Readonly<Record<string, string>>,
): void {
  const fail = (what: string) =>
    new ServiceError('CONFIG_INVALID', { detail: `Service ${serviceId}, ${hook}: ${what}.` });
  if (!isHookName(hook)) throw fail('a hook that is not published needs a reverse-domain name');
  for (const [key, template] of Object.entries(prefetch)) {
    const [problem] = templateProblems(hook, template);
    if (problem !== undefined) throw fail(`prefetch ${key}: ${problem}`);
  }
}

/**
 * The query with its tokens replaced, or null where a token names what this call does not have (an encounter that is
 * not there, a practitioner when the user is a patient): such data cannot exist.
 * @throws ServiceError INVALID_REQUEST when a value that goes into the query is not a FHIR id, reference, number or boolean
 */
export function fillTemplate(template: string, context: JsonObject): string | null {
  let complete = true;
  const query = template.replaceAll(token, (_match, name: string) => {
    const value = tokenValue(name, context);
    if (value === null) complete = false;
    return value ?? '';
  });
  return complete ? query : null;
}

function tokenValue(name: string, context: JsonObject): string | null {
  const userType = userTokens[name];
  if (userType !== undefined) return userIdOf(context['userId'], userType);
  const field = name.slice('context.'.length);
  const value = context[field];
  if (value === undefined || value === null) return null;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (isFhirId(value) || isReference(value)) return value;
  throw new ServiceError('INVALID_REQUEST', { detail: `context.${field} is not a FHIR id or reference.` });
}

function userIdOf(userId: unknown, userType: string): string | null {
  if (!isReference(userId)) return null;
  const [type, id] = userId.split('/');
  return type === userType ? String(id) : null;
}
