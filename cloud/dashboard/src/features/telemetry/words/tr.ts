/** The words of the charts that are moved and compared in Turkish. */
import type { telemetryEn } from './en';

export const telemetryTr: Readonly<Record<keyof typeof telemetryEn, string>> = {
  'charts.move': 'Grafikleri kaydır',
  'charts.earlier': 'Önce',
  'charts.later': 'Sonra',
  'charts.closer': 'Yakınlaştır',
  'charts.wider': 'Uzaklaştır',
  'charts.keys_text': 'grafikte klavyeyle: ← → + −',
  'pair.title': 'Tek grafikte iki büyüklük',
  'pair.first': 'Sol eksen',
  'pair.second': 'Sağ eksen',
  'pair.export_text': 'Her iki çizgiyi göründüğü gibi sakla',
  'pair.told': 'Çizgilerin aralığı',
  'pair.range': '{what}: {least} – {most}',
  'counts.title': 'Görünen balıklar',
  'counts.mean_of.five_minutes': '5 dakikalık ortalama',
  'counts.mean_of.hour': 'saatlik ortalama',
  'counts.mean_of.day': 'günlük ortalama',
  'counts.export': 'Sayımları göründüğü gibi kaydet',
  'counts.none': 'Bu sürede kameralar hiç balık saymadı',
  'counts.shortened': 'Son 90 günün sayımları; eskiler için yakınlaştırın.',
  'counts.counted': 'Sayıldığı gibi',
  'counts.cast_back': 'Uyarlanmış',
  'counts.changes': 'Model değişiklikleri',
  'counts.another_model': 'başka bir model',
  'counts.change': '{at}: {model} devraldı; sayım farkı yüzde {percent}',
  'counts.change_unknown': '{at}: {model} devraldı; karşılaştırılmadı',
  'counts.text.unchanged': 'Hep aynı model saydı; uyarlanacak bir şey yok.',
  'counts.text.unknown':
    'Başka bir model devraldı ve ikisi aynı görüntülerde karşılaştırılmadı: ◆ işaretindeki sıçrama balıktan değil modelden kaynaklanabilir.',
  'counts.text.known':
    'Uyarlanmış: en yeni modelin devralmadan önce sayacağı değer; iki modelin aynı görüntülerdeki sayımlarından hesaplanır. Sayım değil, türetilmiş değerdir.',
  'counts.text.partly':
    'Uyarlanmış: en yeni modelin devralmadan önce sayacağı değer; iki modelin aynı görüntülerdeki sayımlarından hesaplanır. Sayım değil, türetilmiş değerdir; modellerin karşılaştırılmadığı yerde boştur.',
  'counts.no_stock': 'Aynı anda görünen balıklardır, stok değildir.',
};
