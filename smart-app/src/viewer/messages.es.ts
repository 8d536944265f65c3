import type { MessagesLike } from '../i18n/translate.ts';
import type { viewerEn } from './messages.en.ts';

/** The same words in Spanish; the compiler holds the keys and the test the placeholders. */
export const viewerEs: MessagesLike<typeof viewerEn> = {
  'viewer.title': 'Imagen',
  'viewer.close': 'Cerrar la imagen',
};
