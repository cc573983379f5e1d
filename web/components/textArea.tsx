import { useRef, useState } from 'preact/hooks';
import { Field } from './field.tsx';
import type { FieldProps } from './field.tsx';
import { ShowButton } from './showButton.tsx';
import { UNASSISTED } from './unassisted.ts';

type TextAreaProps = FieldProps & {
  value: string;
  onValue: (value: string) => void;
  rows?: number;
  isRequired?: boolean;
};

/** Several lines. */
export function TextArea({ value, onValue, rows = 4, isRequired, ...field }: TextAreaProps) {
  return (
    <Field {...field}>
      {(control) => (
        <textarea
          {...control}
          class="input input-code"
          rows={rows}
          value={value}
          required={isRequired}
          {...UNASSISTED}
          onInput={(event) => onValue(event.currentTarget.value)}
        />
      )}
    </Field>
  );
}

/** As much as the service takes. */
const MOST_BYTES = 100_000;

/** A certificate or a key, pasted or read from a file. A secret one is shown only when asked for. */
export function PemField({
  value,
  onValue,
  isSecret = false,
  ...field
}: Omit<TextAreaProps, 'rows' | 'isRequired'> & { isSecret?: boolean }) {
  const picker = useRef<HTMLInputElement>(null);
  const [isShown, setShown] = useState(false);
  const [fileProblem, setFileProblem] = useState<string>();
  const take = (text: string): void => {
    setFileProblem(undefined);
    onValue(text);
  };
  const read = async (input: HTMLInputElement): Promise<void> => {
    const file = input.files?.[0];
    if (file === undefined) return;
    try {
      if (file.size > MOST_BYTES)
        setFileProblem('This file is too large for a certificate or key.');
      else take(await file.text());
    } catch {
      setFileProblem('This file cannot be read.');
    } finally {
      // The page holds no way to the file, and the same one may be chosen again.
      input.value = '';
    }
  };
  return (
    <Field {...field} error={fileProblem ?? field.error}>
      {(control) => (
        <>
          <textarea
            {...control}
            class={`input input-code${isSecret && !isShown ? ' input-masked' : ''}`}
            rows={3}
            value={value}
            {...UNASSISTED}
            onInput={(event) => take(event.currentTarget.value)}
          />
          <div class="input-group">
            <button
              type="button"
              class="button button-small"
              aria-label={`Read ${field.label.toLowerCase()} from a file`}
              onClick={() => picker.current?.click()}
            >
              From a file …
            </button>
            {isSecret ? (
              <ShowButton label={field.label} isShown={isShown} onShown={setShown} isSmall />
            ) : null}
            <input
              ref={picker}
              type="file"
              hidden
              onChange={(event) => void read(event.currentTarget)}
            />
          </div>
        </>
      )}
    </Field>
  );
}
