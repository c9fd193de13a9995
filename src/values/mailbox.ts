/** The one form of an e-mail address, so that one mailbox is one account however its address is typed. */

/**
 * Accounts are found, compared and limited by this form. Addresses of accounts have only ASCII characters once they are in it
 * (`checkedEmail`), so PostgreSQL's `lower()` changes nothing about it, whatever the database's locale.
 * @returns the address in NFKC and lower case, without white space around it
 */
export const canonicalMailbox = (address: string): string => address.normalize("NFKC").trim().toLowerCase();

const MAILBOX = /^[^\s@]+@[^\s@]+\.[^\s@]+$/;

/** Only what looks like an address is recorded, because people type their password into the wrong field. */
export const isMailbox = (text: string): boolean => MAILBOX.test(text);
