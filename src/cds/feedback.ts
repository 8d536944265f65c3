import { ServiceError } from '#core/error';
import { isCalendarDay } from './calendar.ts';
import { isObject, isText, type JsonObject, wellFormed } from './json.ts';
import type { Coding, Feedback } from './types.ts';

/** Entries in one call. */
const mostEntries = 100;
/** Accepted suggestions of one entry. */
const mostAccepted = 50;
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
  if (list.length > mostAccepted)
    throw invalid(`${at}.acceptedSuggestions has more than ${mostAccepted} entries.`);
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
  const sent = given['userComment'];
  // A clinician's words are not lost for half a character at their end.
  const comment = typeof sent === 'string' ? wellFormed(sent) : sent;
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

const dateTime =
  /^(\d{4})-(\d\d)-(\d\d)[Tt]([01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?(?:[Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)$/;

/** Years of an outcome, as written: databases know no year 0, and an offset must not lead to one of five digits. */
const years = { first: 1900, last: 9998 } as const;

/** RFC 3339 with any offset, of a day that the calendar has, as UTC. @see RFC 3339 §5.6 */
function parseTimestamp(value: unknown, at: string): string {
  const [text, year, month, day] = (typeof value === 'string' ? dateTime.exec(value) : null) ?? [];
  const time = text === undefined ? Number.NaN : Date.parse(text.toUpperCase());
  if (Number.isNaN(time) || !isCalendarDay(Number(year), Number(month), Number(day)))
    throw invalid(`${at}.outcomeTimestamp is missing or not an RFC 3339 date and time.`);
  if (Number(year) < years.first || Number(year) > years.last)
    throw invalid(`${at}.outcomeTimestamp is not of the years ${years.first} to ${years.last}.`);
  return new Date(time).toISOString();
}
