/** The words of the map of what a classifier looked at in Spanish. */
import type { predictionsEn } from './en';

export const predictionsEs: Readonly<Record<keyof typeof predictionsEn, string>> = {
  'explain.show': 'Mostrar qué miró',
  'explain.hide': 'Ocultar el mapa',
  'explain.asking': 'Se tapan partes de la imagen, una tras otra…',
  'explain.text':
    'Claro: tapado ahí, el modelo estaría menos seguro de {what}. Dice de dónde viene la respuesta, no que sea correcta.',
  'explain.told': 'Tapar {where} quita {p} puntos de confianza.',
  'explain.flat': 'Tapar una sola parte quita menos de un punto: ningún lugar decide solo.',
  'place.0.0': 'arriba a la izquierda',
  'place.0.1': 'arriba',
  'place.0.2': 'arriba a la derecha',
  'place.1.0': 'la izquierda',
  'place.1.1': 'el centro',
  'place.1.2': 'la derecha',
  'place.2.0': 'abajo a la izquierda',
  'place.2.1': 'abajo',
  'place.2.2': 'abajo a la derecha',
};
