/** Whether the calendar has this day; `month` from 1 to 12. `Date.parse` takes 31 February for 3 March. */
export function isCalendarDay(year: number, month: number, day: number): boolean {
  return day >= 1 && day <= new Date(Date.UTC(year, month, 0)).getUTCDate();
}
