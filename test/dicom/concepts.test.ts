import { describe, expect, it } from 'vitest';
import { bodyPartOf, isHuman, viewOf } from '#dicom/concepts';

const sct = (value: string) => ({ scheme: 'SCT', value });
const srt = (value: string) => ({ scheme: 'SRT', value });
const local = { scheme: '99LOCAL', value: 'X1' };

describe('codes of a header', () => {
  it.each([
    ['antero-posterior', sct('399348003'), 'AP'],
    ['antero-posterior, older code', srt('R-10206'), 'AP'],
    ['postero-anterior', sct('272479007'), 'PA'],
    ['postero-anterior, older code', srt('R-10214'), 'PA'],
    ['frontal', sct('399033003'), 'FRONTAL'],
    ['lateral', sct('399067008'), 'LATERAL'],
    ['lateral-medial', sct('399352003'), 'LATERAL'],
    ['left lateral', sct('399173006'), 'LL'],
    ['right lateral', { scheme: '99SDM', value: 'R-10232' }, 'RL'],
    ['oblique, which is another projection', sct('399182000'), 'OTHER'],
    ['a code of a hospital’s own, which says nothing here', local, null],
  ])('view: %s', (_name, code, view) => {
    expect(viewOf(code)).toBe(view);
  });

  it.each([
    ['chest', sct('816094009'), 'CHEST'],
    ['thoracic structure', sct('51185008'), 'CHEST'],
    ['chest, older code', srt('T-D3000'), 'CHEST'],
    ['lung', sct('39607008'), 'LUNG'],
    ['chest and abdomen, which is another body part', sct('416550000'), 'OTHER'],
    ['hand', sct('85562004'), 'OTHER'],
    ['a code of a hospital’s own, which says nothing here', local, null],
  ])('body part: %s', (_name, code, part) => {
    expect(bodyPartOf(code)).toBe(part);
  });

  it.each([
    ['Homo sapiens', sct('337915000'), true],
    ['Canis lupus familiaris', sct('448771007'), false],
    ['Felis catus', sct('448169003'), false],
    ['a code of a hospital’s own, which says nothing here', local, null],
  ])('species: %s', (_name, code, human) => {
    expect(isHuman(code)).toBe(human);
  });
});
