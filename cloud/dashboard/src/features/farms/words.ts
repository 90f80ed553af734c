/** Species, stages and kinds of units as people say them. */

const SPECIES: Readonly<Record<string, string>> = {
  salmo_salar: 'Atlantic salmon',
  oncorhynchus_mykiss: 'Rainbow trout',
  dicentrarchus_labrax: 'Sea bass',
  sparus_aurata: 'Sea bream',
  oreochromis_niloticus: 'Nile tilapia',
  cyprinus_carpio: 'Common carp',
  clarias_gariepinus: 'African catfish',
  ictalurus_punctatus: 'Channel catfish',
  litopenaeus_vannamei: 'Whiteleg shrimp',
  penaeus_vannamei: 'Whiteleg shrimp',
  penaeus_monodon: 'Giant tiger prawn',
  hippoglossus_hippoglossus: 'Atlantic halibut',
  scophthalmus_maximus: 'Turbot',
  gadus_morhua: 'Atlantic cod',
};

/** Common name, or the scientific one in its usual spelling. */
export function speciesText(species: string | null): string | null {
  if (species === null || species === '') return null;
  return SPECIES[species] ?? capital(species.replaceAll('_', ' '));
}

/** `net_pen` as `net pen`. */
export function plain(word: string): string {
  return word.replaceAll('_', ' ');
}

/** One line that says what lives here: `Atlantic salmon · smolt · tank, 120 m³`. */
export function unitLine(unit: {
  species: string | null;
  stage: string | null;
  kind: string;
  volume_m3: number | null;
}): string {
  const volume = unit.volume_m3 === null ? '' : `, ${unit.volume_m3.toLocaleString('en-GB')} m³`;
  const stage = unit.stage === null || unit.stage === 'any' ? null : plain(unit.stage);
  return [speciesText(unit.species), stage, `${plain(unit.kind)}${volume}`].filter(Boolean).join(' · ');
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
