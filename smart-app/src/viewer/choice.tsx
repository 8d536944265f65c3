import { Button, Label, ListBox, ListBoxItem, Popover, Select, SelectValue } from 'react-aria-components';

/** One of several, with its label above. */
export function Choice<Id extends string>({
  label,
  value,
  options,
  onChange,
  disabled = false,
}: {
  readonly label: string;
  readonly value: Id;
  readonly options: readonly { readonly id: Id; readonly text: string }[];
  readonly onChange: (id: Id) => void;
  readonly disabled?: boolean;
}) {
  return (
    <Select
      className="viewer-choice"
      isDisabled={disabled}
      value={value}
      onChange={(key) => {
        if (key !== null) onChange(key as Id);
      }}
    >
      <Label>{label}</Label>
      <Button>
        <SelectValue />
        <span aria-hidden="true">▾</span>
      </Button>
      <Popover className="viewer-popover">
        <ListBox>
          {options.map(({ id, text }) => (
            <ListBoxItem key={id} id={id} textValue={text}>
              {text}
            </ListBoxItem>
          ))}
        </ListBox>
      </Popover>
    </Select>
  );
}
