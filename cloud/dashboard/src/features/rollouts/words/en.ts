/** The words of the gallery of a shadow run in English, the language that the others follow. */
export const rolloutsEn = {
  'shadow.tab': 'Side by side',
  'shadow.text':
    'Frames on which the candidate and the active model differ, most first. Without labels nobody knows who is right: look.',
  'shadow.none': 'No frame to compare',
  'shadow.none_text':
    'Boxes send frames on which the two differ when their link is idle, a few a day, and only where samples are uploaded.',
  'shadow.active': 'Active: {model}',
  'shadow.candidate': 'Candidate: {model}',
  'shadow.differ': '{p} % without a partner',
  'shadow.found': 'Boxes: {n}',
  'shadow.only': 'alone with it: {n}',
  'shadow.label': 'Label this frame',
} as const;
