/** Which assessment a card told of; null for one that told of none, and for older ones. Applied once; never edited afterwards. */
export const cardAssessments = {
  number: 4,
  name: 'card-assessments',
  sql: 'alter table cards_issued add column assessment_id uuid;',
} as const;
