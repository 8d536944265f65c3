import { Label, Radio, RadioGroup, Text } from 'react-aria-components';
import { term } from '../i18n/terms.ts';
import { useWords } from '../session.tsx';
import { Said } from '../shell/said.tsx';
import { Loading, Problem } from '../shell/states.tsx';
import { useAnswerReasons } from './answer-reasons.tsx';

/** Why one disagrees: one of the service's codes. */
export function ReasonChoice({
  value,
  wrong,
  onChange,
}: {
  readonly value: string | null;
  readonly wrong: boolean;
  readonly onChange: (code: string) => void;
}) {
  const { t, locale } = useWords();
  const { loaded, again } = useAnswerReasons();
  if (loaded.state === 'loading') return <Loading what={t('answer.loadingReasons')} bars={2} />;
  if (loaded.state === 'failed')
    return <Problem error={loaded.error} title={t('answer.reasonsFailed')} retry={again} />;
  return (
    <RadioGroup className="radios" data-part="reason" value={value} isInvalid={wrong} onChange={onChange}>
      <Label>{t('answer.reason')}</Label>
      {loaded.value.map(({ code, display }) => (
        <Radio key={code} value={code} className="radio">
          <Said>{term(locale, display)}</Said>
        </Radio>
      ))}
      {wrong && (
        <Text slot="errorMessage" className="field-error">
          {t('answer.needReason')}
        </Text>
      )}
    </RadioGroup>
  );
}
