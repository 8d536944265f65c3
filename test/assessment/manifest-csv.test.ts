import { describe, expect, it } from 'vitest';
import { labelOf, readManifest } from '#assessment/manifest-csv';

describe('manifest of labelled images', () => {
  it('reads file, labels, patient, age, sex, view and split; other columns are ignored', () => {
    expect(
      readManifest('file,label,patient_id,age,sex,view,split,width\na.png,Effusion|Mass,p1,4,F,PA,val,128\n'),
    ).toEqual([
      {
        file: 'a.png',
        labels: ['Effusion', 'Mass'],
        patientId: 'p1',
        age: 4,
        sex: 'F',
        view: 'PA',
        split: 'val',
      },
    ]);
  });

  it('an image without a patient id is its own patient', () => {
    expect(readManifest('file,label\nb.png,normal\n')[0]).toMatchObject({
      patientId: 'b.png',
      age: null,
      sex: null,
    });
  });

  it.each([
    ['a missing column', 'file,age\na.png,4\n', 'The column label is missing.'],
    ['no file', 'file,label\n,normal\n', 'Line 2: file is empty.'],
    [
      'an age that is no number',
      'file,label,age\na.png,normal,old\n',
      'Line 2: age is not a number of years.',
    ],
    ['a file outside the folder', 'file,label\n../a.png,normal\n', 'Line 2: file leaves the images folder.'],
    ['a row that is too long', 'file,label\na.png,normal,x\n', 'is not CSV.'],
  ])('%s is MANIFEST_INVALID', (_name, csv, detail) => {
    expect(() => readManifest(csv)).toThrow(
      expect.objectContaining({ code: 'MANIFEST_INVALID', message: expect.stringContaining(detail) }),
    );
  });

  it.each<[string[], boolean | null]>([
    [['pneumonia', 'bacteria'], true],
    [['Pneumonia'], true],
    [['pneumonia_virus'], true],
    [['normal'], false],
    [['No Finding'], false],
    [['Infiltration'], null],
    [[], null],
  ])('labels %j mean pneumonia: %s', (labels, present) => {
    expect(labelOf(labels, 'pneumonia', ['pneumonia'])).toBe(present);
  });

  it('another finding of the same model means that this one is absent', () => {
    expect(labelOf(['Effusion'], 'atelectasis', ['atelectasis', 'effusion'])).toBe(false);
  });

  it('yes and no in its usual spellings, where the package looks for one thing only', () => {
    for (const yes of ['1', 'TRUE', 'yes', 'present', 'Positive'])
      expect(labelOf([yes], 'pneumonia', ['pneumonia'])).toBe(true);
    for (const no of ['0', 'false', 'No', 'absent', 'negative'])
      expect(labelOf([no], 'pneumonia', ['pneumonia'])).toBe(false);
    expect(labelOf(['1'], 'atelectasis', ['atelectasis', 'effusion'])).toBeNull();
  });
});
