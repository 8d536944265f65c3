import type { Practitioner } from '@medplum/fhirtypes';

/** Who works with the chart page. */
export const practitioner: Practitioner = {
  resourceType: 'Practitioner',
  id: 'demo',
  active: true,
  name: [{ family: 'Hartmann', given: ['Ruth'], prefix: ['Dr'] }],
};

/** Looks after the patients between visits, and works from the list. */
export const careTeamNurse: Practitioner = {
  resourceType: 'Practitioner',
  id: 'nurse',
  active: true,
  name: [{ family: 'Weber', given: ['Jonas'] }],
};

/** Signs the reports. */
export const radiologist: Practitioner = {
  resourceType: 'Practitioner',
  id: 'radiologist',
  active: true,
  name: [{ family: 'Berg', given: ['Samuel'], prefix: ['Dr'] }],
};

/** `Dr Given Family`. */
export function fullNameOf({ name }: Practitioner): string {
  const [{ prefix = [], given = [], family = '' } = {}] = name ?? [];
  return [...prefix, ...given, family].join(' ');
}
