Feature: Signed requests
  What changes something is signed by the person's own app, over the moment, the kind of call, the address and the
  content. A signature is good for five minutes, for one call of one person, and once.

  @stores
  Scenario Outline: Nobody may <call> without a signature
    Given Anna uploads the manual "router"
    When Anna tries to "<call>" with "no signature"
    Then Anna is refused because "the call is not signed"
    And Anna has nothing but the manual "router"

    Examples:
      | call                        |
      | upload a manual             |
      | announce a large manual     |
      | complete a large manual     |
      | fetch a manual from the web |
      | delete a manual             |

  Scenario Outline: Whoever only looks needs no signature to <call>
    When Anna tries to "<call>" with "no signature"
    Then Anna is let in

    Examples:
      | call             |
      | list the manuals |
      | see the usage    |
      | see the quota    |
      | see the indexing |

  @stores
  Scenario Outline: <signature> does not count
    Given Anna uploads the manual "router"
    When Anna tries to "<call>" with "<signature>"
    Then Anna is refused because "<reason>"
    And Anna has nothing but the manual "router"

    Examples: Incomplete
      | signature                     | call            | reason                 |
      | a signature without its time  | upload a manual | the call is not signed |
      | a time without its signature  | delete a manual | the call is not signed |
      | a signature that is cut short | delete a manual | the signature is not valid |
      | a signature that is no number | upload a manual | the signature is not valid |

    Examples: Not made for this call
      | signature                              | call            | reason                     |
      | a signature altered in its last digit  | delete a manual | the signature is not valid |
      | a signature by another key             | delete a manual | the signature is not valid |
      | a signature of another content         | upload a manual | the signature is not valid |
      | a signature of another address         | delete a manual | the signature is not valid |
      | a signature of another kind of call    | delete a manual | the signature is not valid |
      | a signature of another moment          | upload a manual | the signature is not valid |
      | a signature of the old form            | upload a manual | the signature is not valid |

    Examples: With a time that is none
      | signature                          | call            | reason                       |
      | a signature timed in milliseconds  | delete a manual | the signature is out of time |
      | a signature timed in words         | upload a manual | the signature is out of time |
      | a signature timed with a plus sign | delete a manual | the signature is out of time |

  Scenario Outline: A signature of <seconds> seconds ago still counts
    When Anna tries to "upload a manual" with a signature made <seconds> seconds ago
    Then Anna is let in

    Examples:
      | seconds |
      | 0       |
      | 299     |
      | 300     |

  @stores
  Scenario: A signature that is a second too old does not count
    When Anna tries to "upload a manual" with a signature made 301 seconds ago
    Then Anna is refused because "the signature is out of time"
    And nothing is stored or charged for Anna

  Scenario: An app whose clock is five minutes fast is still served
    When Anna tries to "upload a manual" with a signature made for 300 seconds from now
    Then Anna is let in

  @stores
  Scenario: A signature that is a second too far in the future does not count
    When Anna tries to "upload a manual" with a signature made for 301 seconds from now
    Then Anna is refused because "the signature is out of time"
    And nothing is stored or charged for Anna

  Scenario: However wrong a clock is, the five minutes decide
    Then a call that Anna signs counts exactly while it is young enough, however wrong the clock

  @stores
  Scenario: Whatever is changed in a content after it was signed, it does not count
    Then no call of Anna counts whose content was changed after it was signed
    And nothing is stored or charged for Anna

  @stores
  Scenario: A signature works once
    Given Anna has signed a call to "upload a manual"
    And Anna sends the call that Anna signed
    When Anna sends the call that Anna signed
    Then Anna is refused because "the signature was used before"
    And Anna has nothing but the manual "lamp"

  Scenario: A signature works once however many use it at the same moment
    Given Anna has signed a call to "upload a manual"
    When Anna sends the signed call 12 times at once
    Then the signature of Anna worked once
    When Anna lists the manuals
    Then Anna sees 1 manual

  Scenario: Signed anew, the same call may be made again
    Given Anna tries to "upload a manual"
    When Anna tries to "upload a manual"
    Then Anna is let in
    When Anna lists the manuals
    Then Anna sees 2 manuals

  @stores
  Scenario: A signature does not cover another content
    Given Anna has signed a call to "upload a manual"
    When Anna sends the signed call with another content
    Then Anna is refused because "the signature is not valid"
    And nothing is stored or charged for Anna

  Scenario: A refused call leaves its signature good
    Given Anna has signed a call to "upload a manual"
    And Anna sends the signed call with another content
    When Anna sends the call that Anna signed
    Then Anna is let in

  @stores
  Scenario: One person's signature does nothing to that person in another's hands
    Given Anna uploads the manual "router"
    And Anna has signed a call to "delete a manual"
    When Bert sends the call that Anna signed
    Then Bert is refused because "it is not there"
    And Anna has nothing but the manual "router"

  Scenario: Another's use of a signature does not use it up
    Given Anna has signed a call to "upload a manual"
    And Bert sends the call that Anna signed
    When Anna sends the call that Anna signed
    Then Anna is let in
    When Anna lists the manuals
    Then Anna sees 1 manual

  @stores
  Scenario: A signature does not make up for a token
    Given Anna tries to "upload a manual" with "no token"
    Then Anna is refused because "nobody is signed in"
    And nothing is stored or charged for Anna

  @stores
  Scenario: What is not signed is not even read
    When Anna tries to "upload what is no file" with "no signature"
    Then Anna is refused because "the call is not signed"
    And nothing is stored or charged for Anna

  @clock
  Scenario: A signature made for the future is remembered until its time is over
    Given Anna has signed a call to "upload a manual" for 280 seconds from now
    And Anna sends the call that Anna signed
    When 400 seconds pass
    And Anna sends the call that Anna signed
    Then Anna is refused because "the signature was used before"
    When Anna lists the manuals
    Then Anna sees 1 manual

  @clock
  Scenario: A used signature does not come back when its time is over
    Given Anna has signed a call to "upload a manual"
    And Anna sends the call that Anna signed
    When 301 seconds pass
    And Anna sends the call that Anna signed
    Then Anna is refused because "the signature is out of time"
    When Anna lists the manuals
    Then Anna sees 1 manual

  Scenario Outline: A signature to <call> works once
    Given Anna has the manual "router"
    And Anna has signed a call to "<call>"
    And Anna sends the call that Anna signed
    When Anna sends the call that Anna signed
    Then Anna is refused because "the signature was used before"

    Examples:
      | call                     |
      | delete a manual          |
      | complete a large manual  |
      | announce a large manual  |
      | fetch a manual from the web |
