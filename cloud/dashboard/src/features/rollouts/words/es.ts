/** The words of the gallery of a shadow run in Spanish. */
import type { rolloutsEn } from './en';

export const rolloutsEs: Readonly<Record<keyof typeof rolloutsEn, string>> = {
  'shadow.tab': 'Lado a lado',
  'shadow.text':
    'Imágenes en las que el candidato y el modelo activo difieren, primero las que más. Sin etiquetas nadie sabe quién acierta: mire.',
  'shadow.none': 'Nada que comparar',
  'shadow.none_text':
    'Las cajas envían imágenes en las que ambos difieren cuando su enlace está libre, pocas al día y solo donde se suben muestras.',
  'shadow.active': 'Activo: {model}',
  'shadow.candidate': 'Candidato: {model}',
  'shadow.differ': '{p} % sin pareja',
  'shadow.found': 'Cajas: {n}',
  'shadow.only': 'solo en este: {n}',
  'shadow.label': 'Etiquetar esta imagen',
};
