import { describe, expect, it } from 'vitest';
import { isHookName, isReferenceField, isTokenField } from '#cds/hook-table';
import { fillTemplate, templateProblems } from '#cds/prefetch-template';

describe('item 7 @55 @56 @57 @59 prefetch tokens', () => {
  it.each([
    ['patient-view', 'Patient/{{context.patientId}}'],
    ['patient-view', 'Encounter/{{context.encounterId}}'],
    ['patient-view', 'Practitioner/{{userPractitionerId}}'],
    ['patient-view', 'PractitionerRole/{{userPractitionerRoleId}}'],
    ['patient-view', 'Patient/{{userPatientId}}'],
    ['patient-view', 'RelatedPerson/{{userRelatedPersonId}}'],
    ['order-dispatch', 'Task?patient={{context.patientId}}&owner={{context.performer}}'],
    ['order-dispatch', '{{context.performer}}'],
    ['order-dispatch', '{{context.order}}'],
    ['org.example.report-open', 'DiagnosticReport/{{context.reportId}}'],
    ['patient-view', '{{context.userId}}'],
  ])('%s takes %s', (hook, template) => {
    expect(templateProblems(hook, template)).toEqual([]);
  });

  it.each([
    [
      'order-sign',
      'Patient/{{context.draftOrders}}',
      ['{{context.draftOrders}} is not a token of order-sign'],
    ],
    [
      'order-sign',
      'ServiceRequest/{{context.draftOrders.ServiceRequest.id}}',
      ['{{context.draftOrders.ServiceRequest.id}} is not a token of order-sign'],
    ],
    [
      'order-select',
      'Patient/{{context.selections}}',
      ['{{context.selections}} is not a token of order-select'],
    ],
    [
      'order-dispatch',
      'Task/{{context.dispatchedOrders}}',
      ['{{context.dispatchedOrders}} is not a token of order-dispatch'],
    ],
    ['patient-view', 'Patient/{{patientId}}', ['{{patientId}} is not a token of patient-view']],
    ['patient-view', 'Patient/{{context.nothing}}', ['{{context.nothing}} is not a token of patient-view']],
    [
      'patient-view',
      'Patient/{{ context.patientId }}',
      ['{{ context.patientId }} is not a token of patient-view'],
    ],
    [
      'patient-view',
      'Patient/{{xcontext.patientId}}',
      ['{{xcontext.patientId}} is not a token of patient-view'],
    ],
    ['patient-view', 'Patient/{{}}', ['{{}} is not a token of patient-view']],
    ['patient-view', 'Observation?date=ge{{today()}}', ['{{today()}} is not a token of patient-view']],
    [
      'patient-view',
      'Patient/{context.patientId}',
      [
        'a token is not closed',
        'it is neither a read (Type/id) nor a search of a type (Type?parameter=value)',
      ],
    ],
    [
      'patient-view',
      'Patient/{{context.patientId',
      [
        'a token is not closed',
        'it is neither a read (Type/id) nor a search of a type (Type?parameter=value)',
      ],
    ],
    [
      'patient-view',
      '{{context.patientId}}',
      ['it is neither a read (Type/id) nor a search of a type (Type?parameter=value)'],
    ],
    [
      'patient-view',
      'x{{context.userId}}',
      ['it is neither a read (Type/id) nor a search of a type (Type?parameter=value)'],
    ],
    [
      'patient-view',
      '{{context.userId}}x',
      ['it is neither a read (Type/id) nor a search of a type (Type?parameter=value)'],
    ],
  ])('item 8 %s refuses %s: later syntax and objects are no tokens of 2.0', (hook, template, problems) => {
    expect(templateProblems(hook, template)).toEqual(problems);
  });
});

describe('item 9 @58 prefetch queries stay in the recommended subset', () => {
  it.each([
    'Patient/123',
    'Condition?patient={{context.patientId}}',
    'Observation?patient={{context.patientId}}&code=http://loinc.org|4548-4',
    'Observation?patient={{context.patientId}}&code:in=http://example.org/vs',
    'Observation?patient={{context.patientId}}&date=ge2024-01-01&_count=5&_sort=-date,status',
    'Patient?_id={{context.patientId}}',
    'Observation?date=2024',
    'Observation?date=eq2024-01&date=lt2024-02-03&date=le2024-02-03T10:00Z',
    'Observation?date=gt2024-02-03T10:00:00.5-01:00&issued=ge2024-02-03T10:00:00%2B01:00',
    'Observation?status=final,amended&category=laboratory',
    'Observation?code=http://loinc.org|4548-4,|x,4548-4',
    'Observation?encounter={{context.encounterId}}&code=gene',
  ])('%s', (query) => {
    expect(templateProblems('patient-view', query)).toEqual([]);
  });

  it.each([
    [
      'ImagingStudy?patient=1&_include=ImagingStudy:endpoint',
      ['_include is outside the query subset of CDS Hooks'],
    ],
    ['Observation?patient.name=a', ['patient.name is outside the query subset of CDS Hooks']],
    ['Observation?code:text=a&status=final', ['code:text is outside the query subset of CDS Hooks']],
    ['Observation?patient=', ['patient is outside the query subset of CDS Hooks']],
    ['Observation?patient=1&_count=0', ['_count is outside the query subset of CDS Hooks']],
    ['Observation?patient=1&_count=5x', ['_count is outside the query subset of CDS Hooks']],
    ['Observation?patient=1&_sort=', ['_sort is outside the query subset of CDS Hooks']],
    ['Observation?patient=1&_sort=-date,', ['_sort is outside the query subset of CDS Hooks']],
    ['Observation?date=ne2024', ['date is outside the query subset of CDS Hooks']],
    ['Observation?date=sa2024-01-01', ['date is outside the query subset of CDS Hooks']],
    ['Observation?date=eb2024-01-01', ['date is outside the query subset of CDS Hooks']],
    ['Observation?date=ap2024-01-01', ['date is outside the query subset of CDS Hooks']],
    ['Observation?date=2024,ne2023', ['date is outside the query subset of CDS Hooks']],
    ['Observation?date=ge2024-1-1', ['date is outside the query subset of CDS Hooks']],
    ['Observation?date=ge2024-01-01T10', ['date is outside the query subset of CDS Hooks']],
    ['Observation?date=ge2024-01-01x', ['date is outside the query subset of CDS Hooks']],
    ['Observation?value-quantity=gt5', ['value-quantity is outside the query subset of CDS Hooks']],
    ['Observation?value-quantity=lt-5.4', ['value-quantity is outside the query subset of CDS Hooks']],
    [
      'Observation?value-quantity=5.4|http://unitsofmeasure.org|mg',
      ['value-quantity is outside the query subset of CDS Hooks'],
    ],
    [
      'Observation?component-code-value=a$5',
      ['component-code-value is outside the query subset of CDS Hooks'],
    ],
    ['Observation?code=a b', ['code is outside the query subset of CDS Hooks']],
    ['Observation?code=a#b', ['code is outside the query subset of CDS Hooks']],
    ['Observation?code=a?b', ['code is outside the query subset of CDS Hooks']],
    ['Observation?code="a"', ['code is outside the query subset of CDS Hooks']],
    ['Observation?code=ä', ['code is outside the query subset of CDS Hooks']],
    ['Patient?_id=a b', ['_id is outside the query subset of CDS Hooks']],
    ['Observation?x_count=1', ['x_count is outside the query subset of CDS Hooks']],
    ['Observation?1patient=1', ['1patient is outside the query subset of CDS Hooks']],
    ['Patient', ['it is neither a read (Type/id) nor a search of a type (Type?parameter=value)']],
    [
      'Patient/1/Observation',
      ['it is neither a read (Type/id) nor a search of a type (Type?parameter=value)'],
    ],
    ['/Patient/1', ['it is neither a read (Type/id) nor a search of a type (Type?parameter=value)']],
    ['Patient/', ['it is neither a read (Type/id) nor a search of a type (Type?parameter=value)']],
    ['Patient?', ['it is neither a read (Type/id) nor a search of a type (Type?parameter=value)']],
    [
      'https://fhir.example/Patient?x=1',
      ['it is neither a read (Type/id) nor a search of a type (Type?parameter=value)'],
    ],
  ])('%s is refused', (query, problems) => {
    expect(templateProblems('patient-view', query)).toEqual(problems);
  });
});

describe('filling a template', () => {
  const context = {
    userId: 'Practitioner/9',
    patientId: 'p1',
    order: 'ServiceRequest/5',
    count: 7,
    open: false,
    nothing: null,
  };

  it.each([
    ['Patient/{{context.patientId}}', 'Patient/p1'],
    ['Task?a={{context.patientId}}&b={{context.patientId}}', 'Task?a=p1&b=p1'],
    ['{{context.order}}', 'ServiceRequest/5'],
    ['Practitioner/{{userPractitionerId}}', 'Practitioner/9'],
    ['Task?n={{context.count}}&o={{context.open}}', 'Task?n=7&o=false'],
    ['PractitionerRole/{{userPractitionerRoleId}}', null],
    ['Patient/{{userPatientId}}', null],
    ['RelatedPerson/{{userRelatedPersonId}}', null],
    ['Encounter/{{context.encounterId}}', null],
    ['Encounter/{{context.nothing}}?patient={{context.patientId}}', null],
  ])('%s becomes %s', (template, query) => {
    expect(fillTemplate(template, context)).toBe(query);
  });

  it.each([
    ['PractitionerRole/r1', 'userPractitionerRoleId', 'r1'],
    ['Patient/p2', 'userPatientId', 'p2'],
    ['RelatedPerson/q', 'userRelatedPersonId', 'q'],
  ])('the user %s fills {{%s}}', (userId, name, id) => {
    expect(fillTemplate(`X/{{${name}}}`, { userId })).toBe(`X/${id}`);
  });

  it('a user that is not Type/id fills nothing', () => {
    expect(fillTemplate('X/{{userPractitionerId}}', { userId: 'Practitioner' })).toBeNull();
    expect(fillTemplate('X/{{userPractitionerId}}', {})).toBeNull();
  });

  it.each([
    '../../admin?x=',
    '..',
    '.',
    'a/b',
    'p1&_include=*',
    'p1%2f',
    'a b',
    '',
    'x'.repeat(65),
    ['p1'],
    {},
  ])('the value %j is refused', (patientId) => {
    expect(() => fillTemplate('Patient/{{context.patientId}}', { patientId })).toThrow(
      'The request does not have the form that the interface asks for. context.patientId is not a FHIR id or reference.',
    );
  });
});

describe('hook names', () => {
  it.each([
    'patient-view',
    'order-select',
    'order-sign',
    'order-dispatch',
    'appointment-book',
    'encounter-start',
    'encounter-discharge',
    'allergyintolerance-create',
    'medication-prescribe',
    'medication-refill',
    'order-review',
    'problem-list-item-create',
    'org.example.report-open',
  ])('%s is one', (name) => {
    expect(isHookName(name)).toBe(true);
  });

  it.each(['report-view', 'toString', 'org.', '.example', 'org.example ', 'org..example', ''])(
    '%j is none',
    (name) => {
      expect(isHookName(name)).toBe(false);
    },
  );

  it('fields of a hook without a table may all be tokens', () => {
    expect(isTokenField('org.example.x', 'any')).toBe(true);
    expect(isReferenceField('org.example.x', 'any')).toBe(true);
    expect(isTokenField('patient-view', 'any')).toBe(false);
    expect(isReferenceField('patient-view', 'patientId')).toBe(false);
    expect(isReferenceField('patient-view', 'userId')).toBe(true);
    expect(isTokenField('order-dispatch', 'order')).toBe(true);
    expect(isTokenField('order-dispatch', 'task')).toBe(false);
    expect(isTokenField('appointment-book', 'appointments')).toBe(false);
  });
});
