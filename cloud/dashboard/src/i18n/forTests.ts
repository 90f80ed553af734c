/** Unit tests read English. */
import { speak } from './index';

await speak('en');
