import {
  Button,
  Input,
  Label,
  ListBox,
  ListBoxItem,
  Popover,
  SearchField,
  Select,
  SelectValue,
  ToggleButton,
} from 'react-aria-components';
import { useWords } from '../session.tsx';
import { cut, plainText } from '../text.ts';
import type { WorklistFilters } from './filtering.ts';

/** The filters above the worklist. */
export function Filters({
  filters,
  modalities,
  onChange,
}: {
  readonly filters: WorklistFilters;
  readonly modalities: readonly string[];
  readonly onChange: (filters: WorklistFilters) => void;
}) {
  const { t } = useWords();
  const bands = [
    { id: 'all', name: t('filter.allBands') },
    { id: 'elevated', name: t('band.elevated') },
    { id: 'indeterminate', name: t('band.indeterminate') },
    { id: 'low', name: t('band.low') },
    { id: 'none', name: t('filter.noResult') },
  ];
  return (
    <search className="filters" aria-label={t('filter.title')}>
      <SearchField
        className="search-field"
        value={filters.text}
        onChange={(text) => onChange({ ...filters, text })}
      >
        <Label>{t('filter.text')}</Label>
        <Input />
      </SearchField>
      <Choice
        label={t('filter.band')}
        value={filters.band}
        options={bands}
        onChange={(band) => onChange({ ...filters, band: band as WorklistFilters['band'] })}
      />
      {modalities.length > 1 && (
        <Choice
          label={t('filter.modality')}
          value={filters.modality ?? ''}
          options={[
            { id: '', name: t('filter.allModalities') },
            ...modalities.map((one) => ({ id: one, name: cut(plainText(one), 16) })),
          ]}
          onChange={(modality) => onChange({ ...filters, modality: modality === '' ? null : modality })}
        />
      )}
      <ToggleButton
        className="toggle"
        isSelected={filters.unanswered}
        onChange={(unanswered) => onChange({ ...filters, unanswered })}
      >
        {t('filter.unanswered')}
      </ToggleButton>
    </search>
  );
}

function Choice({
  label,
  value,
  options,
  onChange,
}: {
  readonly label: string;
  readonly value: string;
  readonly options: readonly { readonly id: string; readonly name: string }[];
  readonly onChange: (id: string) => void;
}) {
  return (
    <Select
      className="select labelled"
      value={value}
      onChange={(key) => {
        if (key !== null) onChange(String(key));
      }}
    >
      <Label>{label}</Label>
      <Button className="select-button">
        <SelectValue />
        <span aria-hidden="true" className="chevron" />
      </Button>
      <Popover className="popover">
        <ListBox className="list-box" items={options}>
          {({ id, name }) => (
            <ListBoxItem id={id} className="list-item" textValue={name}>
              {name}
            </ListBoxItem>
          )}
        </ListBox>
      </Popover>
    </Select>
  );
}
