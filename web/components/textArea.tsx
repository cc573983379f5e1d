import { useRef, useState } from 'preact/hooks';
import { Field } from './field.tsx';
import type { FieldProps } from './field.tsx';

type TextAreaProps = FieldProps & {
  value: string;
  onValue: (value: string) => void;
  rows?: number;
  isRequired?: boolean;
};

/** Several lines; `autocomplete` keeps browsers from storing them with the session. */
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
          autocomplete="off"
          autocapitalize="off"
          spellcheck={false}
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
  const name = field.label.toLowerCase();
  return (
    <Field {...field} error={fileProblem ?? field.error}>
      {(control) => (
        <>
          <textarea
            {...control}
            class={`input input-code${isSecret && !isShown ? ' input-masked' : ''}`}
            rows={3}
            value={value}
            autocomplete="off"
            autocapitalize="off"
            spellcheck={false}
            onInput={(event) => take(event.currentTarget.value)}
          />
          <div class="input-group">
            <button
              type="button"
              class="button button-small"
              aria-label={`Read ${name} from a file`}
              onClick={() => picker.current?.click()}
            >
              From a file …
            </button>
            {isSecret ? (
              <button
                type="button"
                class="button button-small"
                aria-pressed={isShown}
                aria-label={`Show ${name}`}
                onClick={() => setShown(!isShown)}
              >
                {isShown ? 'Hide' : 'Show'}
              </button>
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
