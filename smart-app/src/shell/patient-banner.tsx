import type { AppPatient } from '#core/app';
import { useWords } from '../session.tsx';
import { ageInYears } from '../text.ts';
import { Recorded } from './said.tsx';

/**
 * Whose chart it is. Where the EHR shows a banner of its own, one line is enough to see that both are of one patient.
 * @see SMART App Launch 2.2 §need_patient_banner
 */
export function PatientBanner({ patient, whole }: { readonly patient: AppPatient; readonly whole: boolean }) {
  const { t, format } = useWords();
  const { name, birthDate, sex, identifiers } = patient;
  const age = birthDate === null ? null : ageInYears(birthDate, new Date());
  return (
    <section className={whole ? 'banner' : 'banner slim'} aria-label={t('patient.label')}>
      <p className="banner-name">
        {name === null ? t('patient.noName') : <Recorded text={name} longest={120} />}
      </p>
      <dl>
        <div>
          <dt>{t('patient.born')}</dt>
          <dd>
            {birthDate === null ? t('common.notStated') : format.date(birthDate)}
            {age !== null && ` (${t('patient.age', { n: age })})`}
          </dd>
        </div>
        {whole && (
          <>
            <div>
              <dt>{t('patient.sex')}</dt>
              <dd>{sex === null ? t('common.notStated') : t(`patient.sex.${sex}`)}</dd>
            </div>
            {identifiers.length > 0 && (
              <div>
                <dt>{t('patient.identifiers')}</dt>
                <dd>
                  {identifiers.slice(0, 4).map((identifier, index) => (
                    // biome-ignore lint/suspicious/noArrayIndexKey: a record may repeat an identifier
                    <span key={index} className="identifier">
                      <Recorded text={identifier} longest={60} />
                    </span>
                  ))}
                </dd>
              </div>
            )}
          </>
        )}
      </dl>
    </section>
  );
}
