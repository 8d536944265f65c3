import { useWords } from '../session.tsx';

/**
 * Of `people` with this result, how many have the finding: one mark a person. Filled up to the lower end of the interval,
 * lighter up to the number, outlined up to the upper end.
 */
export function IconArray({
  label,
  people,
  share,
  interval,
}: {
  readonly label: string;
  readonly people: 100 | 1000;
  readonly share: number;
  readonly interval: readonly [number, number];
}) {
  const { t } = useWords();
  const columns = people === 100 ? 10 : 40;
  const step = people === 100 ? 20 : 8;
  const [low, middle, high] = [interval[0], share, interval[1]].map((one) => Math.round(one * people)) as [
    number,
    number,
    number,
  ];
  const kindOf = (index: number) =>
    index < low ? 'sure' : index < middle ? 'likely' : index < high ? 'maybe' : 'other';
  const rows = people / columns;
  return (
    <div className="icon-array">
      <svg
        role="img"
        aria-label={label}
        viewBox={`0 0 ${columns * step} ${rows * step}`}
        className={`people-${people}`}
      >
        {Array.from({ length: people }, (_, index) => {
          const [x, y] = [(index % columns) * step + step / 2, Math.floor(index / columns) * step + step / 2];
          return (
            <circle
              // biome-ignore lint/suspicious/noArrayIndexKey: a person is known by their place
              key={index}
              cx={x}
              cy={y}
              r={step * 0.36}
              className={`person ${kindOf(index)}`}
            />
          );
        })}
      </svg>
      <ul className="legend">
        <li>
          <Person kind="sure" /> {t('icons.sure')}
        </li>
        <li>
          <Person kind="likely" /> {t('icons.likely')}
        </li>
        <li>
          <Person kind="maybe" /> {t('icons.maybe')}
        </li>
        <li>
          <Person kind="other" /> {t('icons.other')}
        </li>
      </ul>
    </div>
  );
}

function Person({ kind }: { readonly kind: string }) {
  return (
    <svg aria-hidden="true" width="14" height="14" viewBox="0 0 20 20">
      <circle cx="10" cy="10" r="7.2" className={`person ${kind}`} />
    </svg>
  );
}
