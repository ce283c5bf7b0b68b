@attacks @stores @slow
Feature: Attacks
  Whoever attacks Manuel gets nothing for it: no word of anybody else's manuals, no change to what others have, no charge
  that is not theirs, no way into the network behind it, and no page that a browser would run. Each family of attacks is a
  file of the corpus; every attacker plays against a victim of their own, whose manual holds a secret.

  Scenario Outline: <attempt> do no harm
    When attackers try everything of the family "<family>" against somebody else
    Then nothing that was tried did any harm
    And at least <many> things were tried

    Examples: calls that anybody can make
      | attempt                                             | family           | many |
      | Questions and ids that are pieces of database code  | sql_injection    |   34 |
      | Signatures that are somebody else's or old          | hmac             |   48 |
      | Letters that are not what they look like            | unicode          |   42 |
      | Questions and manuals that give the model orders    | prompt_injection |   30 |

    @plain
    Examples: bytes that no client would send
      | attempt                                             | family           | many |
      | Names and ids that lead to other files              | path_traversal   |   42 |
      | Calls that can be read as two                       | header_smuggling |   58 |
      | Calls that are larger than any call may be          | oversized        |   30 |

    @local
    Examples: sessions that only a pool of our own would hand out
      | attempt                                             | family           | many |
      | Sessions that nobody was given                      | jwt              |   62 |

    @egress
    Examples: files from somewhere else
      | attempt                                             | family           | many |
      | Names and questions that are pieces of a web page   | xss              |   34 |
      | Web addresses that lead behind the walls            | ssrf             |  116 |

  Scenario: Whatever only looks like an attack is served like anything else
    When attackers try everything of the family "legitimate" against somebody else
    Then nothing that was tried did any harm
    And at least 30 things were tried
