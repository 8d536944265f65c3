import { describe, expect, it } from 'vitest';
import { parseRequest } from '#cds/request';
import { ServiceError } from '#core/error';
import { hookInstance } from '../support/cds-server.ts';

function problemOf(hook: string, context: Record<string, unknown>): string {
  try {
    parseRequest({ hook, hookInstance, context });
  } catch (error) {
    if (error instanceof ServiceError && error.code === 'INVALID_REQUEST') return String(error.detail);
    throw error;
  }
  return 'none';
}

const user = { userId: 'PractitionerRole/r-1', patientId: 'p1' };
const bundle = { resourceType: 'Bundle', entry: [] };
const task = { resourceType: 'Task' };

/** A whole context of each published form. */
const whole: readonly (readonly [string, Record<string, unknown>])[] = [
  ['patient-view', user],
  ['order-select', { ...user, selections: ['ServiceRequest/1', 'MedicationRequest/2'], draftOrders: bundle }],
  ['order-sign', { ...user, draftOrders: bundle }],
  [
    'order-dispatch',
    { patientId: 'p1', dispatchedOrders: ['ServiceRequest/1'], performer: 'Organization/o1' },
  ],
  ['order-dispatch', { patientId: 'p1', order: 'ServiceRequest/1', performer: 'Organization/o1' }],
  ['appointment-book', { ...user, appointments: bundle }],
  ['encounter-start', { ...user, encounterId: 'e1' }],
  ['encounter-discharge', { ...user, encounterId: 'e1' }],
];

describe('item 14 the context of each published hook', () => {
  it.each(whole)('%s: %j is taken', (hook, context) => {
    expect(problemOf(hook, context)).toBe('none');
  });

  it.each(
    whole.flatMap(([hook, context]) => Object.keys(context).map((field) => [hook, field, context] as const)),
  )('%s without %s is refused', (hook, field, context) => {
    const { [field]: _left, ...rest } = context;
    expect(problemOf(hook, rest)).toMatch(/^context\.[A-Za-z]+ is missing or not an? /);
  });

  it.each<[string, Record<string, unknown>, string]>([
    [
      'order-select',
      { selections: 'ServiceRequest/1' },
      'context.selections is missing or not an array of references Type/id.',
    ],
    [
      'order-select',
      { selections: ['ServiceRequest/1', '2'] },
      'context.selections is missing or not an array of references Type/id.',
    ],
    ['order-select', { draftOrders: [] }, 'context.draftOrders is missing or not a Bundle.'],
    ['order-dispatch', { performer: 'o1' }, 'context.performer is missing or not a reference Type/id.'],
    ['order-dispatch', { userId: 'u' }, 'context.userId is not a reference Type/id.'],
    [
      'order-dispatch',
      { fulfillmentTasks: task },
      'context.fulfillmentTasks is not an array of FHIR resources.',
    ],
    [
      'order-dispatch',
      { fulfillmentTasks: [task, {}] },
      'context.fulfillmentTasks is not an array of FHIR resources.',
    ],
    [
      'order-dispatch',
      { 'fulfillment-tasks': 'x' },
      'context.fulfillment-tasks is not an array of FHIR resources.',
    ],
    [
      'appointment-book',
      { appointments: { resourceType: 'Appointment' } },
      'context.appointments is missing or not a Bundle.',
    ],
  ])('%s with %j is refused', (hook, change, problem) => {
    const [, context] = whole.find(([name]) => name === hook) as (typeof whole)[number];
    expect(problemOf(hook, { ...context, ...change })).toBe(problem);
  });

  it('order-dispatch takes the optional fields of both forms', () => {
    const first = { patientId: 'p1', dispatchedOrders: [], performer: 'Organization/o1' };
    expect(
      problemOf('order-dispatch', {
        ...first,
        fulfillmentTasks: [task],
        'fulfillment-tasks': [task],
        userId: 'Practitioner/1',
      }),
    ).toBe('none');
    const second = { patientId: 'p1', order: 'ServiceRequest/1', performer: 'Organization/o1' };
    expect(problemOf('order-dispatch', { ...second, task })).toBe('none');
    expect(problemOf('order-dispatch', { ...second, task: {} })).toBe(
      'context.dispatchedOrders is missing or not an array of references Type/id.',
    );
  });

  it('the context of a hook without a published form is its service’s own', () => {
    expect(problemOf('org.example.report-open', {})).toBe('none');
    expect(problemOf('order-review', { anything: null })).toBe('none');
  });

  it('item 15 what is read of a request is what it says, and no more', () => {
    expect(
      parseRequest({
        hook: 'patient-view',
        hookInstance,
        context: user,
        fhirServer: 'https://fhir.example/r4/',
        fhirAuthorization: {
          access_token: 'a.b-c_~+/=',
          token_type: 'Bearer',
          expires_in: 300,
          scope: 'launch patient/*.rs',
          subject: 's',
          patient: 'p1',
          extra: 1,
        },
        more: 1,
      }),
    ).toEqual({
      hook: 'patient-view',
      hookInstance,
      context: user,
      prefetch: {},
      fhirServer: 'https://fhir.example/r4',
      authorization: {
        accessToken: 'a.b-c_~+/=',
        expiresInSeconds: 300,
        scope: 'launch patient/*.rs',
        subject: 's',
        patient: 'p1',
      },
    });
    const { prefetch, fhirServer, authorization } = parseRequest({
      hook: 'patient-view',
      hookInstance,
      context: user,
      prefetch: { a: 1 },
    });
    expect({ prefetch, fhirServer, authorization }).toEqual({
      prefetch: { a: 1 },
      fhirServer: null,
      authorization: null,
    });
  });
});
