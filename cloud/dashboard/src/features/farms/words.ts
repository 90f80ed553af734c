/** Species, stages and kinds of units as people say them. */
import { numberText, plain, word } from '../../i18n';

/** Species that farms of this platform's limits keep, by code; others come as they are written. */
export const SPECIES: readonly string[] = [
  'salmo_salar',
  'oncorhynchus_mykiss',
  'dicentrarchus_labrax',
  'sparus_aurata',
  'oreochromis_niloticus',
  'cyprinus_carpio',
  'clarias_gariepinus',
  'ictalurus_punctatus',
  'litopenaeus_vannamei',
  'penaeus_monodon',
  'hippoglossus_hippoglossus',
  'scophthalmus_maximus',
  'gadus_morhua',
];

/** Common name, or the scientific one in its usual spelling. */
export function speciesText(species: string | null): string | null {
  if (species === null || species === '') return null;
  return word('species', species, capital(plain(species)));
}

/** One line that says what lives here: `Atlantic salmon · smolt · tank, 120 m³`. */
export function unitLine(unit: {
  species: string | null;
  stage: string | null;
  kind: string;
  volume_m3: number | null;
}): string {
  const volume = unit.volume_m3 === null ? '' : `, ${numberText(unit.volume_m3)} m³`;
  const stage = unit.stage === null || unit.stage === 'any' ? null : word('stage', unit.stage);
  return [speciesText(unit.species), stage, `${word('kind', unit.kind)}${volume}`]
    .filter(Boolean)
    .join(' · ');
}

/** What people call a unit of a farm; its key where the farm does not tell. */
export function unitName(
  units: readonly { readonly slug: string; readonly name: string }[] | undefined,
  slug: string,
): string {
  return units?.find((unit) => unit.slug === slug)?.name ?? slug;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
