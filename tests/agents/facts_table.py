"""Two businesses and what their callers ask: the question, and words of the fact that answers it (``None``: no fact does)."""

from agents.demo_spec import DEMO_SPEC

DENTIST = DEMO_SPEC.says.prompt

PIZZERIA = """\
You are Luigi, the voice of Luigi's Pizzeria. You are cheerful and never rude.

## Opening hours
- Tuesday to Sunday from noon to 11 p.m.
- Closed on Mondays

## Menu
- Margherita: $12
- Pepperoni: $14.50
- The vegan garden pizza is $15 and has cashew cheese.
- Gluten-free crust is available for $2 extra.
- Tiramisu, made by our chef Carla, is $7.

## Good to know
We deliver within five miles. Delivery is $3, free from $30.
Delivery takes about 40 minutes.
We are at 12 Harbor Road, next to the cinema.
Dogs are welcome on the terrace.
We take all major cards and Apple Pay, but no checks.
For groups of more than ten people please book two days ahead.
The kitchen closes at half past ten.

## Rules
- Always ask if they want a drink.
- Never promise a delivery time to the minute.
"""

QUESTIONS: dict[str, list[tuple[str, str | None]]] = {
    DENTIST: [
        ("When are you open?", "open Monday"),
        ("what are your opening hours", "open Monday"),
        ("Are you open on Saturday?", "open Monday"),
        ("Are you open on Sundays?", "closed on Sundays"),
        ("until what time are you there on friday", "open Monday"),
        ("How late are you open?", "open Monday"),
        ("Are you open on Christmas?", "public holidays"),
        ("Where are you?", "Market Street"),
        ("what's your address", "Market Street"),
        ("Where are you located?", "Market Street"),
        ("How do I find you?", "Market Street"),
        ("Can I park there?", "parking"),
        ("Is there parking?", "parking"),
        ("where do I leave my car", "parking"),
        ("Is there a subway station nearby?", "Embarcadero"),
        ("How much is a cleaning?", "A cleaning costs"),
        ("how much do you charge for a cleaning", "A cleaning costs"),
        ("What does a check-up cost?", "check-up costs"),
        ("how much is a checkup", "check-up costs"),
        ("What's the price of a filling?", "filling starts"),
        ("How much for teeth whitening?", "whitening"),
        ("do you whiten teeth", "whitening"),
        ("How long does a cleaning take?", "A cleaning costs"),
        ("Do you take Delta Dental?", "insurance plans"),
        ("Do you take my insurance?", "insurance plans"),
        ("Which insurance do you accept?", "insurance plans"),
        ("Can I pay by credit card?", "pay by"),
        ("can I pay in installments", "pay by"),
        ("Who are your dentists?", "Our dentists"),
        ("who is the doctor", "Our dentists"),
        ("Do you treat children?", "children"),
        ("Can I bring my son?", "children"),
        ("Are you taking new patients?", "New patients"),
        ("What should I bring?", "bring an ID"),
        ("Can I cancel my appointment?", "cancel or move"),
        ("What if I need to reschedule?", "cancel or move"),
        ("I have terrible pain, what should I do?", "emergency line"),
        ("My face is swollen.", "emergency line"),
        ("Do you speak Spanish?", "Spanish"),
        ("Do you have a swimming pool?", None),
        ("What's the weather like tomorrow?", None),
        ("Who won the game last night?", None),
        ("Do you sell toothbrushes?", None),
        ("Can you tell me a joke?", None),
        ("Do you do braces?", None),
        ("How old is Doctor Patel?", None),
        ("Is there a coffee machine?", None),
        ("Do you have a dress code?", None),
        ("What is the capital of France?", None),
        ("Do you offer root canals?", None),
        ("Can I get a prescription for antibiotics?", None),
        ("Do you have wifi?", None),
    ],
    PIZZERIA: [
        ("When do you open?", "Tuesday to Sunday"),
        ("Are you open on Monday?", "Closed on Mondays"),
        ("Are you open on Saturday?", "Tuesday to Sunday"),
        ("How much is a Margherita?", "Margherita"),
        ("What does a pepperoni cost?", "Pepperoni"),
        ("Do you have anything vegan?", "vegan"),
        ("do you have gluten free pizza", "Gluten-free"),
        ("Do you deliver?", "We deliver"),
        ("How much is delivery?", "Delivery is $3"),
        ("How long does delivery take?", "40 minutes"),
        ("Where are you located?", "Harbor Road"),
        ("Can I bring my dog?", "Dogs"),
        ("Do you take Apple Pay?", "Apple Pay"),
        ("can i pay by check", "no checks"),
        ("We are fifteen people, do we need to book?", "more than ten"),
        ("When does the kitchen close?", "kitchen closes"),
        ("Who makes the desserts?", "Carla"),
        ("Do you have sushi?", None),
        ("Do you have live music?", None),
        ("Is there a playground for kids?", None),
        ("Are you hiring?", None),
        ("What's the capital of Italy?", None),
        ("Do you have a parking lot?", None),
        ("What wine do you have?", None),
    ],
}
