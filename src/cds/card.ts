import {
  isFhirId,
  isObject,
  isReference,
  isResource,
  isText,
  isUuid,
  type JsonObject,
  webUrl,
} from './json.ts';
import { markdownProblems } from './markdown.ts';

/** A summary has fewer characters than this, counted in UTF-16 units: the largest of the ways to count. */
const summaryLimit = 140;

/** What the standard names; anything else belongs into `extension`, which may stand on each of them. */
const members = {
  card: [
    'uuid',
    'summary',
    'detail',
    'indicator',
    'source',
    'suggestions',
    'selectionBehavior',
    'overrideReasons',
    'links',
  ],
  source: ['label', 'url', 'icon', 'topic'],
  suggestion: ['label', 'uuid', 'isRecommended', 'actions'],
  action: ['type', 'description', 'resource', 'resourceId'],
  link: ['label', 'url', 'type', 'appContext', 'autolaunchable'],
  coding: ['code', 'system', 'display'],
} as const;

/**
 * What breaks a SHALL of the standard in a card, as `path: problem`; empty when nothing does.
 * @see CDS Hooks 2.0 §Card Attributes
 */
export function checkCard(card: unknown): string[] {
  if (!isObject(card)) return ['card: is not an object'];
  const { problem, problems } = collect(memberProblems(card, 'card', ''));
  if (present(card, 'uuid') && !isUuid(card['uuid'])) problem('uuid', 'is not a UUID');
  const { summary, detail, indicator } = card;
  if (!isText(summary)) problem('summary', 'is missing or not a string');
  else if (summary.length >= summaryLimit)
    problem('summary', `has ${summary.length} characters; fewer than 140 are allowed`);
  if (present(card, 'detail')) {
    if (!isText(detail)) problem('detail', 'is not a string');
    else for (const what of markdownProblems(detail)) problem('detail', what);
  }
  if (indicator !== 'info' && indicator !== 'warning' && indicator !== 'critical')
    problem('indicator', 'is not info, warning or critical');
  problems.push(
    ...sourceProblems(card['source']),
    ...suggestionProblems(card),
    ...listOf(card, 'overrideReasons', (reason, at) => codingProblems(reason, at, true)),
    ...listOf(card, 'links', linkProblems),
    ...emptyProblems(card, ''),
  );
  return problems;
}

/**
 * What breaks a SHALL in an action, of a suggestion or in `systemActions`.
 * @see CDS Hooks 2.0 §Action
 */
export function checkAction(action: unknown, at: string): string[] {
  return [...actionProblems(action, at), ...emptyProblems(action, at)];
}

function actionProblems(action: unknown, at: string): string[] {
  if (!isObject(action)) return [`${at}: is not an object`];
  const { problem, problems } = collect(memberProblems(action, 'action', `${at}.`));
  const { type, description, resource, resourceId } = action;
  if (!isText(description)) problem(`${at}.description`, 'is missing or not a string');
  if (type === 'create' || type === 'update') {
    if (!isResource(resource)) problem(`${at}.resource`, 'is not a FHIR resource');
    else if (type === 'update' && !isFhirId(resource['id'])) problem(`${at}.resource`, 'has no id to update');
  } else if (type === 'delete') {
    if (!isReference(resourceId)) problem(`${at}.resourceId`, 'is missing or not Type/id');
    if (present(action, 'resource')) problem(`${at}.resource`, 'has no place in a deletion');
  } else {
    problem(`${at}.type`, 'is not create, update or delete');
  }
  return problems;
}

function sourceProblems(source: unknown): string[] {
  if (!isObject(source)) return ['source: is missing or not an object'];
  const { problem, problems } = collect(memberProblems(source, 'source', 'source.'));
  if (!isText(source['label'])) problem('source.label', 'is missing or not a string');
  for (const name of ['url', 'icon']) {
    if (present(source, name) && webUrl(source[name]) === null)
      problem(`source.${name}`, 'is not an absolute http(s) URL');
  }
  if (present(source, 'topic')) problems.push(...codingProblems(source['topic'], 'source.topic', false));
  return problems;
}

function suggestionProblems(card: JsonObject): string[] {
  const { problem, problems } = collect();
  const behaviour = card['selectionBehavior'];
  if (present(card, 'selectionBehavior') && behaviour !== 'at-most-one' && behaviour !== 'any')
    problem('selectionBehavior', 'is not at-most-one or any');
  if (!present(card, 'suggestions')) return problems;
  if (!present(card, 'selectionBehavior')) problem('selectionBehavior', 'is missing beside suggestions');
  problems.push(...listOf(card, 'suggestions', suggestionItemProblems));
  const list = Array.isArray(card['suggestions']) ? card['suggestions'] : [];
  const recommended = list.filter((one) => isObject(one) && one['isRecommended'] === true).length;
  if (behaviour === 'at-most-one' && recommended > 1)
    problem('suggestions', 'recommend more than one where at most one may be selected');
  return problems;
}

function suggestionItemProblems(suggestion: unknown, at: string): string[] {
  if (!isObject(suggestion)) return [`${at}: is not an object`];
  const { problem, problems } = collect(memberProblems(suggestion, 'suggestion', `${at}.`));
  if (!isText(suggestion['label'])) problem(`${at}.label`, 'is missing or not a string');
  if (present(suggestion, 'uuid') && !isUuid(suggestion['uuid'])) problem(`${at}.uuid`, 'is not a UUID');
  if (present(suggestion, 'isRecommended') && typeof suggestion['isRecommended'] !== 'boolean')
    problem(`${at}.isRecommended`, 'is not a boolean');
  problems.push(...listOf(suggestion, 'actions', actionProblems, at));
  return problems;
}

function linkProblems(link: unknown, at: string): string[] {
  if (!isObject(link)) return [`${at}: is not an object`];
  const { problem, problems } = collect(memberProblems(link, 'link', `${at}.`));
  if (!isText(link['label'])) problem(`${at}.label`, 'is missing or not a string');
  if (webUrl(link['url']) === null) problem(`${at}.url`, 'is not an absolute http(s) URL');
  if (link['type'] !== 'absolute' && link['type'] !== 'smart')
    problem(`${at}.type`, 'is not absolute or smart');
  if (present(link, 'appContext')) {
    if (!isText(link['appContext'])) problem(`${at}.appContext`, 'is not a string');
    if (link['type'] !== 'smart') problem(`${at}.appContext`, 'is allowed on smart links only');
  }
  if (present(link, 'autolaunchable') && typeof link['autolaunchable'] !== 'boolean')
    problem(`${at}.autolaunchable`, 'is not a boolean');
  return problems;
}

function codingProblems(coding: unknown, at: string, displayRequired: boolean): string[] {
  if (!isObject(coding)) return [`${at}: is not an object`];
  const { problem, problems } = collect(memberProblems(coding, 'coding', `${at}.`));
  if (!isText(coding['code'])) problem(`${at}.code`, 'is missing or not a string');
  if (!isText(coding['system'])) problem(`${at}.system`, 'is missing or not a string');
  if ((displayRequired || present(coding, 'display')) && !isText(coding['display']))
    problem(`${at}.display`, 'is missing or not a string');
  return problems;
}

/** `prefix`: path of the object, with its dot. */
function memberProblems(owner: JsonObject, kind: keyof typeof members, prefix: string): string[] {
  const known: readonly string[] = members[kind];
  const unknown = Object.keys(owner)
    .filter((name) => name !== 'extension' && !known.includes(name))
    .map((name) => `${prefix}${name}: is not a member of a ${kind}`);
  return [...unknown, ...extensionProblems(owner, prefix)];
}

/** @see CDS Hooks 2.0 §Extensions */
function extensionProblems(owner: JsonObject, prefix: string): string[] {
  if (!present(owner, 'extension')) return [];
  const extension = owner['extension'];
  if (!isObject(extension)) return [`${prefix}extension: is not an object`];
  return Object.keys(extension)
    .filter((name) => !/^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$/.test(name))
    .map((name) => `${prefix}extension.${name}: is not named by reverse domain`);
}

/** JSON elements are never null or empty; a resource is FHIR's own matter. @see CDS Hooks 2.0 §Overview, JSON */
function emptyProblems(value: unknown, at: string): string[] {
  const where = at === '' ? 'card' : at;
  if (value === null) return [`${where}: is null`];
  if (value === '') return [`${where}: is empty`];
  if (typeof value === 'number' && !Number.isFinite(value))
    return [`${where}: is not a number that JSON knows`];
  if (typeof value === 'function' || typeof value === 'symbol' || typeof value === 'bigint')
    return [`${where}: is not JSON`];
  if (typeof value !== 'object') return [];
  const entries = Array.isArray(value)
    ? value.map((item, index) => [`${at}[${index}]`, item ?? null] as const)
    : Object.entries(value as object)
        .filter(([name]) => name !== 'resource')
        .map(([name, item]) => [at === '' ? name : `${at}.${name}`, item] as const);
  if (Object.keys(value as object).length === 0) return [`${where}: is empty`];
  return entries.flatMap(([path, item]) => emptyProblems(item, path));
}

/** The problems of each item of an optional array. */
function listOf(
  owner: JsonObject,
  name: string,
  check: (item: unknown, at: string) => string[],
  at?: string,
): string[] {
  if (!present(owner, name)) return [];
  const path = at === undefined ? name : `${at}.${name}`;
  const list = owner[name];
  if (!Array.isArray(list)) return [`${path}: is not an array`];
  return list.flatMap((item, index) => check(item, `${path}[${index}]`));
}

function present(owner: JsonObject, name: string): boolean {
  return owner[name] !== undefined;
}

function collect(problems: string[] = []): {
  readonly problems: string[];
  readonly problem: (at: string, what: string) => void;
} {
  return { problems, problem: (at, what) => void problems.push(`${at}: ${what}`) };
}
