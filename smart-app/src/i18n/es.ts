import { viewerEs } from '../viewer/messages.es.ts';
import type { en } from './en.ts';
import type { MessagesLike } from './translate.ts';

/** Every text of the page in Spanish. */
export const es: MessagesLike<typeof en> = {
  ...viewerEs,
  'app.title': 'IA de imagen: evidencia',
};
