import type { AppEvidence, AppPicture, AppPictures, AppStudy } from '#core/app';
import type { Locale, Translate } from '../i18n/translate.ts';

/** Where one picture of a study is: the opaque keys of `AppPictures`. */
export interface PictureAt {
  readonly study: string;
  readonly series: string;
  readonly instance: string;
}

/** One frame as stored. */
export interface StoredFrame {
  /** Of the answer's content type where it names one, else null: then that of {@link AppPicture} holds. */
  readonly transferSyntax: string | null;
  readonly bytes: ArrayBuffer;
}

/**
 * What the viewer may ask of the server. Each call retries 429 and 503 by itself and rejects with `ApiError`
 * (`../api-error.ts`): a code, a text and a help that can be shown. An ended session is told by the shell.
 */
export interface ViewerApi {
  pictures(study: string, signal: AbortSignal): Promise<AppPictures>;
  picture(at: PictureAt, signal: AbortSignal): Promise<AppPicture>;
  /** @param frame from 1 */
  frame(at: PictureAt, frame: number, signal: AbortSignal): Promise<StoredFrame>;
}

/** What the viewer is told of a study, whether a model was asked about it or not. Results stand in `AppEvidence`. */
export type ViewedStudy = Pick<AppStudy, 'key' | 'started' | 'description' | 'modalities' | 'images'>;

/**
 * `./viewer.tsx` exports `Viewer` with these. The shell loads it with the button "Open the image", gives it the width
 * of the page, a heading of level 2 above it (its own begin at level 3) and an error boundary around it.
 */
export interface ViewerProps {
  readonly api: ViewerApi;
  readonly study: ViewedStudy;
  /**
   * null for a study without an assessment. Its `study.findings` hold the numbers (in the order of `findings`); the map
   * belongs to `image.instance`.
   */
  readonly evidence: AppEvidence | null;
  /** The newest earlier study of the chart that shares a modality; null without one. */
  readonly prior: ViewedStudy | null;
  readonly locale: Locale;
  /** Keys of the viewer begin with `viewer.` and stand in `./messages.en.ts` and `./messages.es.ts`. */
  readonly t: Translate;
  /** Closes the viewer; the shell gives the focus back to its button. */
  readonly onClose: () => void;
}
