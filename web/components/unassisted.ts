/** For a control whose text is nobody's prose: browsers neither store it, with the session or else, nor change it. */
export const UNASSISTED = {
  autocomplete: 'off',
  autocapitalize: 'off',
  spellcheck: false,
} as const;
