import { ServiceError } from '#core/error';
import { isObject, isText, type JsonObject } from './json.ts';
import type { Coding, Feedback } from './types.ts';

/** Entries in one call. */
const mostEntries = 100;
/** Characters of a user's comment, which is free text about a patient. */
const longestComment = 4000;
/** Characters of any other string. */
const longest = 255;

function invalid(detail: string): ServiceError {
  return new ServiceError('INVALID_REQUEST', { detail });
}

/**
 * The entries of a feedback call, repeats within it left out. Members that the standard does not name are ignored.
 * @throws ServiceError INVALID_REQUEST
 * @see CDS Hooks 2.0 §Feedback
 */
export function parseFeedback(body: unknown): readonly Feedback[] {
  if (!isObject(body)) throw invalid('The body is not a JSON object.');
  const list = body['feedback'];
  if (!Array.isArray(list) || list.length === 0)
    throw invalid('feedback is missing or not an array with entries.');
  if (list.length > mostEntries) throw invalid(`feedback has more than ${mostEntries} entries.`);
  const unique = new Map<string, Feedback>();
  list.forEach((entry, index) => {
    const feedback = parseEntry(entry, `feedback[${index}]`);
    unique.set(JSON.stringify(feedback), feedback);
  });
  return [...unique.values()];
}

function parseEntry(entry: unknown, at: string): Feedback {
  if (!isObject(entry)) throw invalid(`${at} is not an object.`);
  const { card, outcome } = entry;
  if (!isText(card, longest)) throw invalid(`${at}.card is missing or not a string.`);
  if (outcome !== 'accepted' && outcome !== 'overridden')
    throw invalid(`${at}.outcome is not accepted or overridden.`);
  return {
    card,
    outcome,
    acceptedSuggestions: outcome === 'accepted' ? parseAccepted(entry, at) : [],
    overrideReason: outcome === 'overridden' ? parseReason(entry, at) : null,
    outcomeTimestamp: parseTimestamp(entry['outcomeTimestamp'], at),
  };
}

/** Required for an accepted card: which of its suggestions were. */
function parseAccepted(entry: JsonObject, at: string): readonly string[] {
  const list = entry['acceptedSuggestions'];
  if (!Array.isArray(list) || list.length === 0)
    throw invalid(`${at}.acceptedSuggestions is missing or not an array with entries.`);
  return list.map((one, index) => {
    const id = isObject(one) ? one['id'] : undefined;
    if (!isText(id, longest))
      throw invalid(`${at}.acceptedSuggestions[${index}].id is missing or not a string.`);
    return id;
  });
}

/** A reason is optional, in whole and in part; an unknown code is a reason all the same. */
function parseReason(entry: JsonObject, at: string): Feedback['overrideReason'] {
  const given = entry['overrideReason'];
  if (given === undefined || given === null) return null;
  if (!isObject(given)) throw invalid(`${at}.overrideReason is not an object.`);
  const reason = parseCoding(given['reason'], `${at}.overrideReason.reason`);
  const comment = given['userComment'];
  if (comment === undefined || comment === null || comment === '') {
    return reason === null ? null : { reason, userComment: null };
  }
  if (!isText(comment, longestComment))
    throw invalid(
      `${at}.overrideReason.userComment is not a string of at most ${longestComment} characters.`,
    );
  return { reason, userComment: comment };
}

function parseCoding(value: unknown, at: string): Coding | null {
  if (value === undefined || value === null) return null;
  if (!isObject(value)) throw invalid(`${at} is not a Coding.`);
  const { code, system, display } = value;
  if (!isText(code, longest)) throw invalid(`${at}.code is missing or not a string.`);
  for (const [name, text] of Object.entries({ system, display })) {
    if (text !== undefined && text !== null && !isText(text, longest))
      throw invalid(`${at}.${name} is not a string.`);
  }
  return {
    code,
    ...(typeof system === 'string' && { system }),
    ...(typeof display === 'string' && { display }),
  };
}

const dateTime = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)$/;

/** RFC 3339 with any offset, as UTC. @see RFC 3339 §5.6 */
function parseTimestamp(value: unknown, at: string): string {
  const time =
    typeof value === 'string' && dateTime.test(value) ? Date.parse(value.toUpperCase()) : Number.NaN;
  if (Number.isNaN(time))
    throw invalid(`${at}.outcomeTimestamp is missing or not an RFC 3339 date and time.`);
  return new Date(time).toISOString();
}
