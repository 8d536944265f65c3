import { viewerEn } from '../viewer/messages.en.ts';

/** Every text of the page in English: the table that the others follow. */
export const en = {
  ...viewerEn,
  'app.title': 'Imaging AI: evidence',
} as const;
