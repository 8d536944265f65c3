/** The kinds of value that a context field may hold. */
export type ContextKind =
  /** FHIR id, `123`. */
  | 'id'
  /** `Type/id` of the current user. */
  | 'user'
  /** `Type/id`. */
  | 'reference'
  /** `Type/id`, several. */
  | 'references'
  /** FHIR Bundle. */
  | 'bundle'
  /** Any FHIR resource. */
  | 'resource'
  | 'resources';

export interface ContextFields {
  readonly required: Readonly<Record<string, ContextKind>>;
  readonly optional: Readonly<Record<string, ContextKind>>;
}

/** A hook with the forms of context that were published for it; a request has to match one. */
export interface KnownHook {
  readonly forms: readonly [ContextFields, ...ContextFields[]];
}

const user = { userId: 'user', patientId: 'id' } as const;
const encounter = { encounterId: 'id' } as const;

/**
 * The published hooks with their context. order-dispatch has two published forms: 1.0 (`order`, `task`) and
 * 1.1 (`dispatchedOrders`, `fulfillmentTasks`, spelt `fulfillment-tasks` in its example).
 * @see https://cds-hooks.hl7.org/hooks/
 */
export const knownHooks: Readonly<Record<string, KnownHook>> = {
  'patient-view': { forms: [{ required: user, optional: encounter }] },
  'order-select': {
    forms: [{ required: { ...user, selections: 'references', draftOrders: 'bundle' }, optional: encounter }],
  },
  'order-sign': { forms: [{ required: { ...user, draftOrders: 'bundle' }, optional: encounter }] },
  'order-dispatch': {
    forms: [
      {
        required: { patientId: 'id', dispatchedOrders: 'references', performer: 'reference' },
        optional: { userId: 'user', fulfillmentTasks: 'resources', 'fulfillment-tasks': 'resources' },
      },
      {
        required: { patientId: 'id', order: 'reference', performer: 'reference' },
        optional: { userId: 'user', task: 'resource' },
      },
    ],
  },
  'appointment-book': { forms: [{ required: { ...user, appointments: 'bundle' }, optional: encounter }] },
  'encounter-start': { forms: [{ required: { ...user, ...encounter }, optional: {} }] },
  'encounter-discharge': { forms: [{ required: { ...user, ...encounter }, optional: {} }] },
};

/** Hooks of the published library whose context is not checked here. */
const otherPublishedHooks: readonly string[] = [
  'allergyintolerance-create',
  'medication-prescribe',
  'medication-refill',
  'order-review',
  'problem-list-item-create',
];

/** Kinds with a primitive value: only these may stand in a prefetch token. @see CDS Hooks 2.0 §Prefetch tokens */
const tokenKinds: readonly ContextKind[] = ['id', 'user', 'reference'];

/** A hook that is not of the library must be named by reverse domain, so that it cannot meet a later one. @see CDS Hooks 2.0 §Hooks */
export function isHookName(name: string): boolean {
  return (
    Object.hasOwn(knownHooks, name) ||
    otherPublishedHooks.includes(name) ||
    /^[a-z0-9-]+(?:\.[A-Za-z0-9-]+)+$/.test(name)
  );
}

/** Kinds with `Type/id` as value: a token of them may be a whole query. */
const referenceKinds: readonly ContextKind[] = ['user', 'reference'];

/** Whether `field` of the hook's context may be used as prefetch token. True for every field of a hook without a table. */
export function isTokenField(hook: string, field: string): boolean {
  return fieldIsOf(tokenKinds, hook, field);
}

/** Whether `field` of the hook's context holds a reference `Type/id`. True for every field of a hook without a table. */
export function isReferenceField(hook: string, field: string): boolean {
  return fieldIsOf(referenceKinds, hook, field);
}

function fieldIsOf(kinds: readonly ContextKind[], hook: string, field: string): boolean {
  const known = knownHooks[hook];
  if (known === undefined) return true;
  return known.forms.some(({ required, optional }) => {
    const kind = required[field] ?? optional[field];
    return kind !== undefined && kinds.includes(kind);
  });
}
