import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { Dialog } from './dialog.tsx';
import { FailureNotice } from './notice.tsx';

interface ConfirmDialogProps {
  title: string;
  confirmText: string;
  isDangerous?: boolean;
  isDisabled?: boolean;
  /** Closes the dialog when it succeeded, and says why when not. */
  onConfirm: () => Promise<void>;
  onClose: () => void;
  children: ComponentChildren;
}

/** Says what will happen and asks before it does. */
export function ConfirmDialog(props: ConfirmDialogProps) {
  const { title, confirmText, isDangerous = false, isDisabled = false, onClose, children } = props;
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const confirm = async (): Promise<void> => {
    setBusy(true);
    setError(undefined);
    try {
      await props.onConfirm();
      onClose();
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <div class="dialog-content">
        {children}
        {error === undefined ? null : (
          <FailureNotice title="The service refused this" error={error} />
        )}
      </div>
      <div class="dialog-actions">
        <button type="button" class="button" onClick={onClose}>
          Not now
        </button>
        <button
          type="button"
          class={`button ${isDangerous ? 'button-danger' : 'button-primary'}`}
          disabled={isDisabled || isBusy}
          onClick={() => void confirm()}
        >
          {isBusy ? 'One moment …' : confirmText}
        </button>
      </div>
    </Dialog>
  );
}
