/** Names of Kerberos V4, of clients and of services. */

export interface Krb4Principal {
  name: string;
  /** Of a service, the first part of its host's name in lower case; of a person, mostly empty. */
  instance: string;
  realm: string;
}

/** `name.instance@REALM`, as Kerberos V4 writes it. */
export function principalText({ name, instance, realm }: Krb4Principal): string {
  return `${name}${instance === '' ? '' : `.${instance}`}@${realm}`;
}

export function samePrincipal(a: Krb4Principal, b: Krb4Principal): boolean {
  return a.name === b.name && a.instance === b.instance && a.realm === b.realm;
}
