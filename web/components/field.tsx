import type { ComponentChildren } from 'preact';
import { useId, useState } from 'preact/hooks';
import { ShowButton } from './showButton.tsx';
import { UNASSISTED } from './unassisted.ts';

export interface FieldProps {
  label: string;
  hint?: ComponentChildren;
  /** What is wrong with the value; shown and read out with the field. */
  error?: string;
}

type Control = {
  id: string;
  'aria-describedby': string | undefined;
  'aria-invalid': boolean | undefined;
};

/** The label, the hint and the error around a control. */
export function Field({
  label,
  hint,
  error,
  children,
}: FieldProps & { children: (control: Control) => ComponentChildren }) {
  const id = useId();
  const hintId = `${id}-hint`;
  const errorId = `${id}-error`;
  const described = [hint === undefined ? '' : hintId, error === undefined ? '' : errorId];
  return (
    <div class={`field${error === undefined ? '' : ' field-wrong'}`}>
      <label class="field-label" for={id}>
        {label}
      </label>
      {children({
        id,
        'aria-describedby': described.filter(Boolean).join(' ') || undefined,
        'aria-invalid': error === undefined ? undefined : true,
      })}
      {hint === undefined ? null : (
        <p id={hintId} class="field-hint">
          {hint}
        </p>
      )}
      <p id={errorId} class="field-error" aria-live="polite">
        {error}
      </p>
    </div>
  );
}

interface TextFieldProps extends FieldProps {
  value: string;
  onValue: (value: string) => void;
  inputMode?: 'numeric';
  isRequired?: boolean;
  /** What an empty field stands for. */
  placeholder?: string;
}

export function TextField(props: TextFieldProps) {
  const { value, onValue, inputMode, isRequired, placeholder, ...field } = props;
  return (
    <Field {...field}>
      {(control) => (
        <input
          {...control}
          class="input"
          type="text"
          value={value}
          inputMode={inputMode}
          required={isRequired}
          placeholder={placeholder}
          {...UNASSISTED}
          onInput={(event) => onValue(event.currentTarget.value)}
        />
      )}
    </Field>
  );
}

/** The browser is asked not to remember it. */
export function PasswordField({
  value,
  onValue,
  ...field
}: FieldProps & { value: string; onValue: (value: string) => void }) {
  const [isShown, setShown] = useState(false);
  // Preact's types know an input as the one or the other.
  const type = (isShown ? 'text' : 'password') as 'password';
  return (
    <Field {...field}>
      {(control) => (
        <div class="input-group">
          <input
            {...control}
            class="input"
            type={type}
            value={value}
            autocomplete="new-password"
            spellcheck={false}
            onInput={(event) => onValue(event.currentTarget.value)}
          />
          <ShowButton label={field.label} isShown={isShown} onShown={setShown} />
        </div>
      )}
    </Field>
  );
}

export interface Choice {
  value: string;
  text: string;
}

export function SelectField(
  props: FieldProps & {
    value: string;
    choices: readonly Choice[];
    onValue: (value: string) => void;
  },
) {
  const { value, choices, onValue, ...field } = props;
  return (
    <Field {...field}>
      {(control) => (
        <select
          {...control}
          class="input"
          value={value}
          onChange={(event) => onValue(event.currentTarget.value)}
        >
          {choices.map((choice) => (
            <option key={choice.value} value={choice.value}>
              {choice.text}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

export interface RadioChoice extends Choice {
  hint: string;
}

/** A few choices that need a word of explanation each: the text names a choice, the hint describes it. */
export function RadioGroup(props: {
  legend: string;
  name: string;
  value: string;
  choices: readonly RadioChoice[];
  onValue: (value: string) => void;
}) {
  const { legend, name, value, choices, onValue } = props;
  const id = useId();
  return (
    <fieldset class="fieldset">
      <legend class="field-label">{legend}</legend>
      <div class="radio-cards">
        {choices.map((choice) => (
          <label key={choice.value} class="radio-card">
            <input
              type="radio"
              name={name}
              value={choice.value}
              checked={choice.value === value}
              aria-labelledby={`${id}-${choice.value}`}
              aria-describedby={`${id}-${choice.value}-hint`}
              onChange={() => onValue(choice.value)}
            />
            <span>
              <span id={`${id}-${choice.value}`} class="radio-text">
                {choice.text}
              </span>
              <span id={`${id}-${choice.value}-hint`} class="field-hint">
                {choice.hint}
              </span>
            </span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}

export function Checkbox(props: {
  label: ComponentChildren;
  isChecked: boolean;
  onChecked: (isChecked: boolean) => void;
  isDisabled?: boolean;
  hint?: string;
}) {
  const { label, isChecked, onChecked, isDisabled, hint } = props;
  const id = useId();
  return (
    <label class="checkbox">
      <input
        type="checkbox"
        checked={isChecked}
        disabled={isDisabled}
        aria-labelledby={id}
        aria-describedby={hint === undefined ? undefined : `${id}-hint`}
        onChange={(event) => onChecked(event.currentTarget.checked)}
      />
      <span class="checkbox-text">
        <span id={id}>{label}</span>
        {hint === undefined ? null : (
          <span id={`${id}-hint`} class="field-hint">
            {hint}
          </span>
        )}
      </span>
    </label>
  );
}
