import type { AppPicture } from '#core/app';
import type { ApiError } from '../api-error.ts';
import type { Format } from '../format.ts';
import type { MessageKey, Translate } from '../i18n/translate.ts';
import { cut, plainText } from '../text.ts';
import type { ViewedStudy } from './contract.ts';
import type { PaneState } from './pane-view.ts';
import type { PictureError } from './picture-error.ts';
import { lengthsOf } from './spacing.ts';
import type { GreyWindow, Preset } from './window.ts';

/** The language of the page, as every part of the viewer takes it. */
export interface ViewerWords {
  readonly t: Translate;
  readonly format: Format;
}

/** Text of a record: one line, not endless. */
export const recorded = (text: string, longest = 120): string => cut(plainText(text), longest);

export function studyWords(study: ViewedStudy, { t, format }: ViewerWords): string {
  const description = study.description === null ? '' : recorded(study.description);
  return t('viewer.of', {
    date: format.date(study.started),
    description: description === '' ? t('viewer.noDescription') : description,
  });
}

/** What happened to an image, to be shown beside its title. `english`: the service's own words. */
export function faultWords(
  { fault, cause }: PictureError,
  t: Translate,
): { readonly text: string; readonly english: boolean; readonly code: string | null } {
  if (fault !== 'api') return { text: t(`viewer.fault.${fault}`), english: false, code: null };
  const { code, text, help } = cause as ApiError;
  if (code === 'OFFLINE') return { text: t('viewer.fault.offline'), english: false, code };
  if (text === '') return { text: t('viewer.fault.unreadable'), english: false, code };
  return { text: recorded(`${text} ${help}`, 600), english: true, code };
}

/** What a picture shows, for those who do not see it. */
export function pictureLabel(
  { facts, index, count }: PaneState,
  modality: string | null,
  which: string,
  mapOf: string | null,
  { t }: ViewerWords,
): string {
  if (facts === null) return t('viewer.notDrawn', { which });
  const { picture } = facts;
  const view = picture.view === null ? '' : recorded(picture.view, 40);
  return [
    t('viewer.label', {
      modality: modality === null ? t('viewer.unknownModality') : recorded(modality, 20),
      which,
      columns: picture.columns,
      rows: picture.rows,
      view: view === '' ? '' : t('viewer.labelView', { view }),
    }),
    count > 1 ? t('viewer.labelNth', { n: index + 1, count }) : '',
    mapOf === null ? '' : t('viewer.labelMap', { finding: mapOf }),
  ].join('');
}

export function windowWords(
  window: GreyWindow,
  picture: AppPicture,
  modality: string | null,
  { t, format }: ViewerWords,
): string {
  const decimals = window.width < 10 ? 1 : 0;
  const values = {
    center: format.number(window.center, decimals),
    width: format.number(window.width, decimals),
  };
  return t(
    modality === 'CT' && picture.rescale !== null ? 'viewer.readout.windowHu' : 'viewer.readout.window',
    values,
  );
}

export function presetWords({ id, name }: Preset, t: Translate): string {
  const own = name === null ? '' : recorded(name, 40);
  if (own !== '') return own;
  if (id.startsWith('file-')) return t('viewer.preset.file', { n: Number(id.slice(5)) });
  return t(`viewer.preset.${id}` as Extract<MessageKey, 'viewer.preset.full'>);
}

/** @param millimetres in the units that {@link lengthsOf} names; null where there is none */
export function lengthWords(
  millimetres: number,
  picture: AppPicture,
  { t, format }: ViewerWords,
): string | null {
  const where = lengthsOf(picture);
  if (where === 'none') return null;
  const length = format.number(millimetres, 1);
  return t(where === 'patient' ? 'viewer.length.mm' : 'viewer.length.detector', { length });
}
