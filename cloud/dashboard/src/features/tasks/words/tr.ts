/** The words of the page of background tasks in Turkish. */
import type { tasksEn } from './en';

export const tasksTr: Readonly<Record<keyof typeof tasksEn, string>> = {
  'nav.tasks': 'Görevler',
  'tasks.title': 'Arka plandaki işler',
  'tasks.text':
    'Bir sayfanın beklemesinden uzun süren raporlar, dışa aktarmalar, eğitimler ve tahminler. Sunucu yeniden başlasa da yapılırlar.',
  'tasks.none': 'Burada yapılan bir iş yok',
  'tasks.none_text': 'Bir görev bittikten sonra bir hafta saklanır.',
  'tasks.state': 'Durum',
  'tasks.all': 'Tümü',
  'tasks.progress': 'İlerleme',
  'tasks.asked': 'İstendi',
  'tasks.attempts': '{n}. deneme',
  'tasks.file': 'Dosyayı sakla',
  'tasks.cancel': 'Sonlandır',
  'tasks.cancel_title': '{what} sonlandırılsın mı?',
  'tasks.cancel_text': 'Bekleyen hemen, çalışan saniyeler içinde biter. O ana dek yaptığı saklanmaz.',
  'tasks.ending': 'Sonlandırılıyor…',
  'task_state.queued': 'Bekliyor',
  'task_state.running': 'Çalışıyor',
  'task_state.succeeded': 'Bitti',
  'task_state.failed': 'Başarısız',
  'task_state.cancelled': 'Sonlandırıldı',
  'task_kind.report': 'Rapor',
  'task_kind.export': 'Dışa aktarma',
  'task_kind.training': 'Eğitim',
  'task_kind.prediction': 'Tahmin',
};
