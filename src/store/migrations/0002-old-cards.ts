/** Old cards are found by index. Applied once; never edited afterwards. */
export const oldCards = {
  number: 2,
  name: 'old-cards',
  sql: 'create index cards_issued_created on cards_issued (created);',
} as const;
