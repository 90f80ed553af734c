/** The words of the map of what a classifier looked at in English, the language that the others follow. */
export const predictionsEn = {
  'explain.show': 'Show what it looked at',
  'explain.hide': 'Hide the map',
  'explain.asking': 'Parts of the picture are covered, one after the other…',
  'explain.text':
    'Bright: covered there, the model would be less sure of {what}. It tells where the answer comes from, not that it is right.',
  'explain.told': 'Covering {where} takes {p} points of confidence.',
  'explain.flat': 'Covering any one part takes less than a point: no place decides alone.',
  'place.0.0': 'the top left',
  'place.0.1': 'the top',
  'place.0.2': 'the top right',
  'place.1.0': 'the left',
  'place.1.1': 'the middle',
  'place.1.2': 'the right',
  'place.2.0': 'the bottom left',
  'place.2.1': 'the bottom',
  'place.2.2': 'the bottom right',
} as const;
