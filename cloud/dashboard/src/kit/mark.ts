/** The platform's mark, three fish of a shoal: drawn by React and without. */
export const MARK_VIEW = '0 0 32 24';
export const MARK: readonly { readonly d: string; readonly opacity: string }[] = [
  { d: 'M2 6.5c3-4.2 9-4.2 12.5-1L18 2.8v7.4L14.5 7.5c-3.5 3.2-9.5 3.2-12.5-1z', opacity: '1' },
  { d: 'M14 14c3-4.2 9-4.2 12.5-1L30 10.3v7.4L26.5 15c-3.5 3.2-9.5 3.2-12.5-1z', opacity: '.72' },
  { d: 'M3 19.5c2-2.9 6.2-2.9 8.7-.7l2.5-1.9v5.2l-2.5-1.9c-2.5 2.2-6.7 2.2-8.7-.7z', opacity: '.48' },
];
